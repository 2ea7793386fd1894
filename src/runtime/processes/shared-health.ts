import type { DiskCondition } from '../../blobs/local/store.ts'
import { LATE } from '../../in-time.ts'
import type { Peers } from './calls.ts'
import { orLate } from './lead-time.ts'

/** How long the lead has to say how it is: whoever asks for readiness wants to know soon. */
const LEAD_MS = 2_000

/** How one process is. */
export interface OwnHealth {
  /** Null where no chunks lie on this machine. */
  disk: (() => Promise<DiskCondition>) | null
  /** The chores that go on failing. */
  failing(): Promise<string[]>
  /** How many chunks are lost. */
  recount(): Promise<number>
}

/** How a site is that several workers serve: what the lead looks after is asked of it, the rest of all. */
export function sharedHealth(own: OwnHealth, peers: Peers | null): OwnHealth {
  if (!peers) return own
  const { disk } = own
  peers.offer({ disk: async () => (disk ? disk() : null) })
  if (peers.isLead) peers.offer({ failing: own.failing, recountLost: own.recount })
  return {
    disk: disk && (async () => addUp(await peers.askAll('disk'), disk)),
    failing: peers.isLead ? own.failing : () => orOwn(peers.askLead('failing'), own.failing),
    recount: peers.isLead ? own.recount : () => orOwn(peers.askLead('recountLost'), own.recount),
  }
}

/** What the lead says; where it says nothing, what is known here. */
async function orOwn<T>(asked: Promise<T>, own: () => Promise<T>): Promise<T> {
  const answer = await orLate(asked, LEAD_MS)
  return answer === LATE ? own() : answer
}

/** What one worker has been refused counts for all. */
async function addUp(
  answers: (DiskCondition | null)[],
  own: () => Promise<DiskCondition>,
): Promise<DiskCondition> {
  const found = answers.filter((answer) => answer !== null)
  return found.length > 0 ? conditionOf(found) : own()
}

/** All of them together, for an operator who has to see to any. */
export function conditionOf(found: DiskCondition[]): DiskCondition {
  return {
    writable: found.every(({ writable }) => writable),
    full: found.some(({ full }) => full),
    free: Math.min(...found.map(({ free }) => free)),
  }
}
