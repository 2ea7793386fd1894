import type { EdgeAccount } from '../../mirror/chunks/account.ts'
import type { Uses } from './calls.ts'

/** How long a worker has to open what it has asked for, before it is believed that it does not use it. */
const OPENED_MS = 50
/** How long that lasts where the worker says nothing at all. */
const SILENT_MS = 2_000

/** What the readers of other workers use, so that nothing of it is removed to make room. */
export interface LeadUses {
  /** Keeps a chunk for a worker that has just asked for it, until that tells what it uses. */
  asked(worker: number, digest: string): void
  note(uses: Uses): void
  /** The worker uses nothing any more. */
  ended(worker: number): void
}

type Release = () => void

interface Held {
  /** What it said last that it uses. */
  told: Release[]
  /** What it has asked for, and when by `performance.now()`. */
  asked: Map<Release, number>
}

export function createLeadUses(account: Pick<EdgeAccount, 'use'>): LeadUses {
  const workers = new Map<number, Held>()

  function heldBy(worker: number): Held {
    const known = workers.get(worker) ?? { told: [], asked: new Map() }
    workers.set(worker, known)
    return known
  }

  function letGo({ asked }: Held, before: number): void {
    for (const [release, at] of asked) {
      if (at > before) continue
      asked.delete(release)
      release()
    }
  }

  return {
    asked(worker, digest) {
      const held = heldBy(worker)
      const now = performance.now()
      held.asked.set(account.use(digest), now)
      setTimeout(letGo, SILENT_MS, held, now).unref()
    },

    note({ worker, used, held: now }) {
      for (const digest of used) account.use(digest)()
      const held = heldBy(worker)
      const before = held.told
      // The new ones first: what is among both stays in use.
      held.told = now.map(account.use)
      for (const release of before) release()
      letGo(held, performance.now() - OPENED_MS)
    },

    ended(worker) {
      const held = heldBy(worker)
      workers.delete(worker)
      for (const release of held.told) release()
      letGo(held, Infinity)
    },
  }
}
