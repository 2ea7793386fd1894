import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../http/reason.ts'
import type { Replica } from './apply.ts'
import { takeChanges, takeSnapshot } from './catch-up.ts'
import type { Head } from './record.ts'
import { sleep } from './sleep.ts'
import type { Upstream } from './upstream.ts'

const WAIT_SECONDS = 25
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 15_000

const log = getLogger(['heliostat', 'follow'])

/** How an edge stands to the site that it follows. */
export interface FollowStatus {
  epoch: string | null
  /** The last change that was taken over. */
  seq: number
  /** The upstream's last change, as far as is known. */
  upstreamSeq: number
  /** When the upstream was last heard of: milliseconds since 1970 UTC, null for never since the start. */
  heardAt: number | null
  error: string | null
}

export interface FollowParts {
  upstream: Upstream
  replica: Replica
  siteId: string
}

/** Follows the upstream's feed. */
export type Follower = ReturnType<typeof createFollower>

export function createFollower({ upstream, replica, siteId }: FollowParts) {
  const stop = new AbortController()
  const { signal } = stop
  const parts = { upstream, replica, signal }
  const status: FollowStatus = { epoch: null, seq: 0, upstreamSeq: 0, heardAt: null, error: null }

  /** One step: waits for news, at most `wait` seconds, and takes them over. */
  async function step(wait: number): Promise<void> {
    let cursor = await replica.cursor()
    const head = await upstream.head(cursor?.seq ?? 0, cursor ? wait : 0, signal)
    refuseLoop(head, siteId)
    Object.assign(status, { upstreamSeq: head.seq, heardAt: Date.now() })
    // A feed that is behind what we have seen is another one: the origin was restored from a backup.
    const isOther = cursor !== null && (cursor.epoch !== head.epoch || head.seq < cursor.seq)
    if (isOther) log.warn('The upstream is not the one it was: taking a snapshot')
    if (cursor === null || isOther) cursor = await takeSnapshot(parts, head)
    while (cursor.seq < head.seq) {
      signal.throwIfAborted()
      cursor = (await takeChanges(parts, cursor, head)) ?? (await takeSnapshot(parts, head))
      status.seq = cursor.seq
    }
    Object.assign(status, { epoch: cursor.epoch, seq: cursor.seq, error: null })
  }

  return {
    status: (): FollowStatus => ({ ...status }),

    /** Asks where the upstream stands now, instead of waiting for it to tell. */
    async look(): Promise<void> {
      try {
        const { seq } = await upstream.head(0, 0, signal)
        Object.assign(status, { upstreamSeq: seq, heardAt: Date.now() })
      } catch (error) {
        status.error = reasonOf(error)
      }
    },

    /** Follows until stopped. A failure is told and tried again after a pause that grows. */
    async run(): Promise<void> {
      let pause = FIRST_PAUSE_MS
      while (!signal.aborted) {
        try {
          await step(WAIT_SECONDS)
          pause = FIRST_PAUSE_MS
        } catch (error) {
          if (signal.aborted) return
          status.error = reasonOf(error)
          log.warn('Cannot follow the upstream: {reason}', { reason: status.error })
          await sleep(pause * (0.5 + Math.random() / 2), signal)
          pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        }
      }
    },

    stop: () => stop.abort(),
  }
}

function refuseLoop(head: Head, siteId: string): void {
  if (head.sites.includes(siteId)) {
    throw new Error('The upstream follows this very site: a loop, check [mirror] upstream')
  }
}
