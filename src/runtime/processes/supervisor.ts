/**
 * Several workers that serve one site on this machine: this process starts them, passes on what they have to say to
 * each other, and starts another one for each that dies. It opens no file of the site, and takes no connection: the
 * workers share the port, and whoever is free takes the next one, so that with a worker nothing is lost but what it was
 * serving.
 */
import cluster from 'node:cluster'
import type { Readable } from 'node:stream'
import { getLogger } from '@logtape/logtape'
import type { Config } from '../../config.ts'
import { inTime, LATE } from '../../in-time.ts'
import type { RunningServer } from '../node.ts'
import { watchForHung } from './hung.ts'
import type { FromWorker } from './messages.ts'
import { createSlot, type Ending, type Slot } from './slot.ts'
import { createSwitchboard } from './switchboard.ts'

const log = getLogger(['heliostat', 'workers'])

/** How long workers have to let go of everything, once their requests have ended or are cut off. */
const CLOSING_MS = 8_000

export interface Supervisor {
  /** Resolves when all workers serve. */
  started: Promise<RunningServer>
  /** Has every worker go on in a new log. */
  reopenLog(): void
}

export interface SupervisorParts {
  config: Config
  count: number
  /** Takes what a worker logs; null where it writes that itself. */
  logged: ((log: Readable) => void) | null
  /** A worker could not start, and has said why: so the service cannot. */
  failed(code: number): void
}

export function superviseWorkers(parts: SupervisorParts): Supervisor {
  const { logged } = parts
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({
    // Chunks may be among what workers give each other.
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', logged ? 'pipe' : 'inherit', 'ipc'],
  })
  const { slots, started, close } = createCrew(parts)
  process.on('exit', () => {
    for (const slot of slots) slot.kill()
  })
  return {
    started: started.then((url) => ({ url, close })),
    reopenLog() {
      for (const slot of slots) slot.send({ kind: 'reopen-log' })
    },
  }
}

function createCrew(parts: SupervisorParts) {
  const { config, count } = parts
  const slots = Array.from({ length: count }, (_, index) =>
    createSlot({
      isLead: index === 0,
      heard,
      died,
      born: ({ process: { stderr } }) => stderr && parts.logged?.(stderr),
    }),
  )
  const switchboard = createSwitchboard(slots)
  const watch = watchForHung(slots)
  let isStarted = false
  let isStopping = false
  let tellStarted: (url: string) => void
  const started = new Promise<string>((resolve) => (tellStarted = resolve))
  for (const slot of slots) slot.start()

  function heard(slot: Slot, message: FromWorker): void {
    watch.heard(slot)
    if (message.kind === 'pong') return
    if (message.kind === 'loaded' || message.kind === 'drained') slot.state = message.kind
    else if (message.kind === 'ready') isReady(slot, message.url)
    else switchboard.heard(slot, message)
    if (isStopping) letGo(slots)
    else openSites(slots, config)
  }

  function isReady(slot: Slot, url: string): void {
    slot.state = 'ready'
    log.info(slot.isLead ? 'Worker {pid} serves, and is the lead' : 'Worker {pid} serves', {
      pid: slot.pid(),
    })
    switchboard.isReady(slot)
    isStarted ||= slots.every(({ state }) => state === 'ready')
    if (isStarted) tellStarted(url)
  }

  function died(slot: Slot, id: number, { code, told }: Ending): void {
    switchboard.isGone(id)
    if (isStopping) letGo(slots)
    else if (isStarted) slot.replace()
    else void told.then(() => parts.failed(code))
  }

  return {
    slots,
    started,

    async close(): Promise<void> {
      isStopping = true
      watch.stop()
      const ended = Promise.all(slots.map((slot) => slot.ended()))
      for (const slot of slots) slot.send({ kind: 'stop' })
      const limit = config.heliostat.shutdown_timeout * 1000 + CLOSING_MS
      if ((await inTime(ended, limit)) === LATE) throw new Error('A worker has not ended in time')
    },
  }
}

/** The lead opens the site first: it makes, or mends, what the others find. */
function openSites(slots: Slot[], config: Config): void {
  const hasLead = slots.some(({ isLead, state }) => isLead && state === 'ready')
  for (const [index, slot] of slots.entries()) {
    if (slot.state === 'drained') slot.send({ kind: 'close' })
    if (slot.state !== 'loaded' || !(slot.isLead || hasLead)) continue
    const isFirst = slots.every(({ state }) => ['loading', 'loaded', 'gone'].includes(state))
    slot.state = 'opening'
    const place = { id: slot.id(), slot: index, isLead: slot.isLead, isFirst, count: slots.length }
    slot.send({ kind: 'start', config, place })
  }
}

/** The lead is the last to let go, since others may need it for what they have begun to answer. */
function letGo(slots: Slot[]): void {
  const present = slots.filter(({ state }) => state !== 'gone')
  for (const slot of present) {
    if (slot.state !== 'drained') continue
    if (!slot.isLead || present.length === 1) slot.send({ kind: 'close' })
  }
}
