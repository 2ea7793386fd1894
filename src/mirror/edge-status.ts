import type { EdgeAccount } from './chunks/account.ts'
import type { ReadThrough, ReadThroughCounters } from './chunks/read-through.ts'
import type { Room } from './chunks/residency.ts'
import type { Follower } from './follow/follower.ts'
import type { Pins } from './pinning/pins.ts'
import type { Replica } from './follow/replica.ts'

/** Longer than two long polls: an upstream that is silent for so long is gone, even if no request has failed yet. */
const SILENT_SECONDS = 60

/** How an edge stands to the site that it follows. */
export interface EdgeCondition {
  hasSnapshot: boolean
  /** The last change taken over; null before the first snapshot, and where another one is wanted. */
  seq: number | null
  /** The upstream's last change; null while it has not been heard since the start. */
  upstreamSeq: number | null
  /** Seconds since the upstream was last heard, be it before the start; it speaks at least every 25. */
  lag: number
  /** The same, but only where the upstream is lost: for so long the edge has been serving alone. */
  stale: number | null
  error: string | null
  /** Images that are not shown as they are upstream, since they could not be served. */
  withheld: { id: string; reason: string }[]
}

export interface EdgeStatusParts {
  /** When the upstream was last heard before the start, milliseconds since 1970 UTC; null for never. */
  heardBefore: number | null
  replica: Pick<Replica, 'cursor' | 'hasSnapshot'>
  follower: Pick<Follower, 'status' | 'look'>
  account: Pick<EdgeAccount, 'has'>
  readThrough: Pick<ReadThrough, 'counters' | 'room'>
  pins: Pick<Pins, 'plan'>
}

/** An edge as those see it who look after it. */
export interface EdgeStatus {
  /** Whether there has been a snapshot, now or before a restart: without one nothing is known of any image. */
  hasSnapshot(): Promise<boolean>
  /** Asks the upstream where it stands now. */
  look(): Promise<void>
  counters(): Promise<ReadThroughCounters>
  room(): Promise<Room>
  /** Whether a chunk is here. */
  has(digest: string): boolean
  /** The ids of the images that are to lie here whole. */
  pinned(): Promise<Set<string>>
  condition(): Promise<EdgeCondition>
}

/** An edge as the process sees it that follows the upstream. */
export interface FollowingStatus extends EdgeStatus {
  /** What is known without asking the registry. */
  lag(): { changes: number; seconds: number }
  /** How many images are not shown as they are upstream. */
  withheld(): number
}

export function createEdgeStatus(parts: EdgeStatusParts): FollowingStatus {
  const { heardBefore, replica, follower, account, readThrough, pins } = parts
  const away = heardBefore === null ? 0 : Math.max(0, Date.now() - heardBefore)
  /** By `performance.now()`. Without any time that is known, the start. */
  const lastHeard = performance.now() - away
  let isStocked = false

  async function hasSnapshot(): Promise<boolean> {
    isStocked ||= await replica.hasSnapshot()
    return isStocked
  }

  function lag() {
    const { seq, upstreamSeq, heardAt } = follower.status()
    return {
      changes: Math.max(0, upstreamSeq - seq),
      seconds: Math.round((performance.now() - (heardAt ?? lastHeard)) / 1000),
    }
  }

  return {
    hasSnapshot,
    lag,
    withheld: () => follower.status().withheld.length,
    look: follower.look,
    counters: async () => readThrough.counters(),
    room: async () => readThrough.room.status(),
    has: account.has,
    pinned: async () => new Set(pins.plan().pinned.map(({ id }) => id)),

    async condition() {
      const { upstreamSeq, heardAt, error, withheld } = follower.status()
      const seq = (await replica.cursor())?.seq ?? null
      const { seconds } = lag()
      return {
        hasSnapshot: await hasSnapshot(),
        seq,
        // What was taken over a moment ago may be later than what the upstream last told of itself.
        upstreamSeq: heardAt === null ? null : Math.max(upstreamSeq, seq ?? 0),
        lag: seconds,
        stale: error !== null || seconds > SILENT_SECONDS ? seconds : null,
        error,
        withheld,
      }
    },
  }
}
