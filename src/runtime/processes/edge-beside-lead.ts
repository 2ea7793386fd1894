/** An edge as a worker has it beside the lead, which follows the upstream. */
import { LATE } from '../../in-time.ts'
import type { ReadThroughCounters } from '../../mirror/chunks/read-through.ts'
import type { EdgeCondition, EdgeStatus } from '../../mirror/edge-status.ts'
import { createReplica, type Replica } from '../../mirror/follow/replica.ts'
import type { Registry } from '../../registry/database.ts'
import type { Resident } from '../resident.ts'
import type { Peers } from './calls.ts'
import { orLate } from './lead-time.ts'

/** How long the lead has to say how it stands: whoever asks for readiness wants to know soon. */
const LEAD_MS = 2_000

/** How the edge stands, as the lead says. */
export function statusOfLead(
  { account }: Pick<Resident, 'account'>,
  registry: Registry,
  peers: Peers,
): EdgeStatus {
  const replica = createReplica(registry, () => undefined)
  let isStocked = false

  async function hasSnapshot(): Promise<boolean> {
    isStocked ||= await replica.hasSnapshot()
    return isStocked
  }

  return {
    hasSnapshot,
    has: account.has,
    look: () => peers.askLead('look'),
    room: () => peers.askLead('room'),
    pinned: async () => new Set(await peers.askLead('pinned')),
    counters: () => countersOfAll(peers),

    async condition() {
      const found = await orLate(peers.askLead('condition'), LEAD_MS)
      return found === LATE ? withoutLead(replica, await hasSnapshot()) : found
    },
  }
}

/** What all workers have counted together. */
export async function countersOfAll(peers: Peers): Promise<ReadThroughCounters> {
  const sum = { hits: 0, misses: 0, coalesced: 0, corrupt: 0, upstreamBytes: 0, streamedThrough: 0 }
  for (const counters of await peers.askAll('fills')) {
    for (const name of NAMES) sum[name] += counters?.[name] ?? 0
  }
  return sum
}

const NAMES = [
  'hits',
  'misses',
  'coalesced',
  'corrupt',
  'upstreamBytes',
  'streamedThrough',
] as const satisfies (keyof ReadThroughCounters)[]

/** What is known while there is no lead. */
async function withoutLead(
  replica: Pick<Replica, 'cursor' | 'heardAt'>,
  hasSnapshot: boolean,
): Promise<EdgeCondition> {
  const heardAt = await replica.heardAt()
  return {
    hasSnapshot,
    seq: (await replica.cursor())?.seq ?? null,
    upstreamSeq: null,
    lag: heardAt === null ? 0 : Math.max(0, Math.round((Date.now() - heardAt) / 1000)),
    stale: null,
    error: 'The process that follows the upstream is starting again',
    withheld: [],
  }
}
