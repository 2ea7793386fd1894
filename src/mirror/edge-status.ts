import type { Replica } from './follow/replica.ts'
import type { Follower } from './follow/follower.ts'
import type { ReadThrough } from './chunks/read-through.ts'

/** Longer than two long polls: an upstream that is silent for so long is gone, even if no request has failed yet. */
const SILENT_SECONDS = 60

/** How an edge stands to the site that it follows. */
export interface EdgeCondition {
  /** The last change taken over; null before the first snapshot. */
  seq: number | null
  /** The upstream's last change; null while it has not been heard since the start. */
  upstreamSeq: number | null
  /** Seconds since the upstream was last heard, or since the start. It speaks at least every 25 seconds. */
  lag: number
  /** The same, but only where the upstream is lost: for so long the edge has been serving alone. */
  stale: number | null
  error: string | null
  /** Images that are not shown as they are upstream, since they could not be served. */
  withheld: { id: string; reason: string }[]
}

export interface EdgeWatchParts {
  replica: Pick<Replica, 'cursor'>
  follower: Pick<Follower, 'status' | 'look'>
  readThrough: Pick<ReadThrough, 'counters' | 'residency'>
}

/** An edge as those see it who look after it. */
export type EdgeWatch = ReturnType<typeof createEdgeWatch>

export function createEdgeWatch({ replica, follower, readThrough }: EdgeWatchParts) {
  const startedAt = performance.now()

  /** What is known without asking the registry. */
  function lag() {
    const { seq, upstreamSeq, heardAt } = follower.status()
    return {
      changes: Math.max(0, upstreamSeq - seq),
      seconds: Math.round((performance.now() - (heardAt ?? startedAt)) / 1000),
    }
  }

  return {
    lag,
    withheld: () => follower.status().withheld.length,
    look: follower.look,
    counters: readThrough.counters,
    residency: readThrough.residency,

    async condition(): Promise<EdgeCondition> {
      const { upstreamSeq, heardAt, error, withheld } = follower.status()
      const seq = (await replica.cursor())?.seq ?? null
      const { seconds } = lag()
      return {
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
