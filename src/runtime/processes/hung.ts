/** Workers that live and say nothing any more: a supervisor sees those that die, and has to ask the others. */
import { getLogger } from '@logtape/logtape'
import type { Slot } from './slot.ts'

const PING_MS = 5_000
/** By number, so that a machine that was suspended finds all of its workers in good health. */
const MOST_UNANSWERED = 4

const log = getLogger(['heliostat', 'workers'])

export interface HungWatch {
  /** A worker has said something. */
  heard(slot: Slot): void
  stop(): void
}

/** Kills a worker that serves and has answered nothing for twenty seconds, so that another one takes its place. */
export function watchForHung(slots: Slot[]): HungWatch {
  const unanswered = new Map<Slot, number>()

  function ping(slot: Slot): void {
    if (slot.state !== 'ready') return
    const pings = unanswered.get(slot) ?? 0
    if (pings === MOST_UNANSWERED) {
      const seconds = (pings * PING_MS) / 1000
      log.error('Worker {pid} has answered nothing for {seconds} seconds, and is killed', {
        pid: slot.pid(),
        seconds,
      })
      return slot.kill()
    }
    unanswered.set(slot, pings + 1)
    slot.send({ kind: 'ping' })
  }

  const timer = setInterval(() => slots.forEach(ping), PING_MS).unref()
  return {
    heard: (slot) => void unanswered.set(slot, 0),
    stop: () => clearInterval(timer),
  }
}
