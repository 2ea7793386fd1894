/** One of the places that a worker has, and its successor after it. */
import cluster, { type Worker } from 'node:cluster'
import { getLogger } from '@logtape/logtape'
import type { FromWorker, ToWorker } from './messages.ts'

/** A worker that has lived for less is not replaced at once. */
const SETTLED_MS = 10_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 15_000

const log = getLogger(['heliostat', 'workers'])

export interface Slot {
  readonly isLead: boolean
  /** How far its worker is. `drained` has answered all that it was asked; `gone` is where there is none. */
  state: 'loading' | 'loaded' | 'opening' | 'ready' | 'drained' | 'gone'
  /** Of its worker: another number for each. */
  id(): number
  pid(): number | undefined
  send(message: ToWorker): void
  /** Starts a worker. */
  start(): void
  /** Starts another one, after a while where the last one did not live long. */
  replace(): void
  kill(): void
  /** Starts none any more; resolves when there is none. */
  ended(): Promise<void>
}

/** Whether its worker answers calls. */
export function isServing({ state }: Slot): boolean {
  return state === 'ready' || state === 'drained'
}

export function isLeading(slot: Slot): boolean {
  return slot.isLead && isServing(slot)
}

export interface SlotParts {
  isLead: boolean
  born(worker: Worker): void
  heard(slot: Slot, message: FromWorker): void
  died(slot: Slot, id: number, ending: Ending): void
}

export interface Ending {
  code: number
  /** Resolves when all that the worker has printed has come. */
  told: Promise<void>
}

export function createSlot(parts: SlotParts): Slot {
  let worker: Worker | null = null
  let startedAt = 0
  let pause = 0
  let timer: NodeJS.Timeout | undefined
  let tellEnded: (() => void) | null = null

  function start(): void {
    const started = cluster.fork()
    worker = started
    slot.state = 'loading'
    startedAt = performance.now()
    parts.born(started)
    started.on('message', (message: FromWorker) => parts.heard(slot, message))
    // What a worker is sent that dies in this moment.
    started.on('error', () => undefined)
    const told = new Promise<void>((resolve) => started.process.once('close', () => resolve()))
    started.once('exit', (code: number | null, signal: string | null) => {
      slot.state = 'gone'
      worker = null
      if (!tellEnded) {
        const how = signal ?? `the exit code ${code}`
        log.error('Worker {pid} has ended by {how}', { pid: started.process.pid, how })
      }
      parts.died(slot, started.id, { code: code ?? 1, told })
      void told.then(() => tellEnded?.())
    })
  }

  const slot: Slot = {
    isLead: parts.isLead,
    state: 'gone',
    id: () => worker?.id ?? 0,
    pid: () => worker?.process.pid,
    start,

    send(message) {
      if (worker?.isConnected()) worker.send(message, () => undefined)
    },

    replace() {
      const isSettled = performance.now() - startedAt > SETTLED_MS
      pause = isSettled ? 0 : Math.min(Math.max(2 * pause, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
      timer = setTimeout(start, pause)
    },

    kill: () => worker?.process.kill('SIGKILL'),

    ended() {
      clearTimeout(timer)
      return new Promise((resolve) => {
        tellEnded = resolve
        if (!worker) resolve()
      })
    },
  }
  return slot
}
