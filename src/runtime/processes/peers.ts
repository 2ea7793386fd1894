/** What a worker knows of those that serve the same site. */
import cluster from 'node:cluster'
import { getLogger } from '@logtape/logtape'
import type { Config } from '../../config.ts'
import type { Calls, Peers } from './calls.ts'
import { type Channel, openChannel } from './channel.ts'
import { type Call, NO_LEAD, type Outcome, type ToWorker } from './messages.ts'
import { outcomeOf, valueOf } from './sent-errors.ts'

const log = getLogger(['heliostat', 'workers'])

/** What becomes of a worker. */
export interface Joined {
  config: Config
  peers: Peers
  /** Tells the supervisor that requests are answered. */
  ready(url: string): void
  /** Calls back when this worker is to end, with the reason where the supervisor has not told it. */
  onStop(stop: (why: string | null) => void): void
  onReopenLog(reopen: () => void): void
}

/** Whether this process is a worker that a supervisor has started. */
export function isWorkerProcess(): boolean {
  return cluster.isWorker
}

/** Reports to the supervisor, and resolves when that has this worker open the site. */
export async function joinWorkers(): Promise<Joined> {
  const channel = openChannel()
  channel.on('ping', () => channel.send({ kind: 'pong' }))
  const closed = new Promise<void>((resolve) => {
    channel.on('close', () => resolve())
    channel.onLost(resolve)
  })
  const stopped = new Promise<string | null>((resolve) => {
    channel.on('stop', () => resolve(null))
    channel.onLost(() => resolve('the end of its supervisor'))
  })
  const { config, place } = await untilStarted(channel, stopped)
  const { ask, offer } = createCalls(channel)
  return {
    config,
    ready: (url) => channel.send({ kind: 'ready', url }),
    onReopenLog: (reopen) => channel.on('reopen-log', reopen),
    onStop: (stop) => void stopped.then(stop),
    peers: {
      ...place,
      offer,
      askLead: (method, ...args) => ask({ kind: 'ask-lead', call: { method, args } }),
      askAll: (method, ...args) => ask({ kind: 'ask-all', call: { method, args } }),
      askNumbers: () => ask({ kind: 'ask-numbers' }),
      tellOthers: (method, ...args) =>
        channel.send({ kind: 'tell-others', call: { method, args } }),
      async leave() {
        channel.send({ kind: 'drained' })
        await closed
      },
    },
  }
}

/** Nothing is open yet that would have to be ended first. */
async function untilStarted(
  channel: Channel,
  stopped: Promise<unknown>,
): Promise<Extract<ToWorker, { kind: 'start' }>> {
  let isStarted = false
  const started = new Promise<Extract<ToWorker, { kind: 'start' }>>((resolve) => {
    channel.on('start', (message) => {
      isStarted = true
      resolve(message)
    })
  })
  void stopped.then(() => {
    if (!isStarted) process.exit(0)
  })
  channel.send({ kind: 'loaded' })
  return started
}

type Question = { kind: 'ask-lead' | 'ask-all'; call: Call } | { kind: 'ask-numbers' }

/** The calls that others make here, and those that are made at others. */
function createCalls(channel: Channel) {
  const offered: Partial<Calls> = { workerEnded: async () => undefined }
  const asked = new Map<number, (outcome: Outcome) => void>()
  let last = 0
  let isLost = false

  async function perform({ method, args }: Call): Promise<unknown> {
    const found = Object.entries(offered).find(([name]) => name === method)
    if (!found) throw new Error(`This worker cannot do "${method}" yet`)
    const offer: (...given: never[]) => Promise<unknown> = found[1]
    return offer(...(args as never[]))
  }

  channel.on('call', async ({ id, call }) => {
    const outcome = await outcomeOf(perform(call))
    if (id !== null) channel.send({ kind: 'outcome', id, outcome })
    else if ('error' in outcome) {
      log.debug('Nothing was done with what another worker has told: {reason}', {
        reason: outcome.error.reason,
      })
    }
  })
  channel.on('outcome', ({ id, outcome }) => {
    asked.get(id)?.(outcome)
    asked.delete(id)
  })
  channel.onLost(() => {
    isLost = true
    for (const settle of asked.values()) settle({ error: NO_LEAD })
    asked.clear()
  })

  return {
    offer: (calls: Partial<Calls>): void => void Object.assign(offered, calls),

    /** The other side answers what the name of the method says. */
    async ask<T>(question: Question): Promise<T> {
      const id = ++last
      const outcome = new Promise<Outcome>((resolve) => {
        if (isLost) resolve({ error: NO_LEAD })
        else asked.set(id, resolve)
      })
      channel.send({ ...question, id })
      return valueOf(await outcome) as T
    },
  }
}
