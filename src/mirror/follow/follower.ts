import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'
import type { Head } from '../feed/records.ts'
import type { Upstream } from '../upstream/client.ts'
import { askForWithheld, type CatchUpParts, takeChanges, takeSnapshot } from './catch-up.ts'
import type { Cursor, Replica } from './replica.ts'
import { createFailureLog, createHeardNotes, type HeardNotes } from './outage.ts'
import { createRetry } from './retry.ts'

const WAIT_SECONDS = 25
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 15_000
/** An upstream that answers at once without any news is not asked over and over. */
const SHORTEST_STEP_MS = 1_000
const UNSYNCED = 'The upstream has not yet had a snapshot of the site that it follows itself'

const log = getLogger(['heliostat', 'follow'])

/** How an edge stands to the site that it follows. */
export interface FollowStatus {
  epoch: string | null
  /** The last change that was taken over. */
  seq: number
  /** The upstream's last change, as far as is known. */
  upstreamSeq: number
  /** When the upstream was last heard of, by `performance.now()`; null for never since the start. */
  heardAt: number | null
  error: string | null
  /** Images that are not shown as they are upstream, since they could not be served. */
  withheld: { id: string; reason: string }[]
}

const NOT_HEARD: FollowStatus = {
  epoch: null,
  seq: 0,
  upstreamSeq: 0,
  heardAt: null,
  error: null,
  withheld: [],
}

export interface FollowParts {
  upstream: Upstream
  replica: Replica
  siteId: string
}

/** Follows the upstream's feed. */
export interface Follower {
  status(): FollowStatus
  /** Asks where the upstream stands now, instead of waiting for it to tell. */
  look(): Promise<void>
  /** Follows until stopped. A failure is told and tried again after a pause that grows. */
  run(): Promise<void>
  stop(): void
}

export function createFollower({ upstream, replica, siteId }: FollowParts): Follower {
  const stop = new AbortController()
  const { signal } = stop
  const parts = { upstream, replica, signal }
  const status = { ...NOT_HEARD }
  const withheld = createWithheldWatch(parts, status)
  const heard = createHeardNotes(replica)
  const ear = createEar({ upstream, replica, siteId, signal, status, heard })
  const failures = createFailureLog()
  /** Ends the pause after a failure. */
  let wake = new AbortController()

  const step = createStep({ ...parts, status, withheld, ear })

  /** Begins with a question that is answered at once: what waits for news would not tell that the upstream is there. */
  async function follow(): Promise<void> {
    let pause = FIRST_PAUSE_MS
    let wait = 0
    while (!signal.aborted) {
      const startedAt = performance.now()
      const { seq } = status
      try {
        await step(wait)
        failures.end()
        pause = FIRST_PAUSE_MS
        const rest = wait === 0 ? 0 : SHORTEST_STEP_MS - (performance.now() - startedAt)
        if (status.seq === seq) await sleep(rest, signal)
        wait = WAIT_SECONDS
      } catch (error) {
        if (signal.aborted) return
        status.error = reasonOf(error)
        failures.tell(error)
        await heard.save()
        wake = new AbortController()
        const paused = AbortSignal.any([signal, wake.signal])
        await sleep(pause * (0.5 + Math.random() / 2), paused)
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        wait = 0
      }
    }
  }

  return {
    status: () => ({ ...status }),

    async look() {
      const wasLost = ear.isLost()
      try {
        await ear.hear(await replica.cursor(), 0)
        if (wasLost) wake.abort()
      } catch {
        // The status tells of it.
      }
    },

    async run() {
      await follow()
      await heard.save()
    },

    stop: () => stop.abort(),
  }
}

interface StepParts extends CatchUpParts {
  status: FollowStatus
  withheld: ReturnType<typeof createWithheldWatch>
  ear: ReturnType<typeof createEar>
}

/** One step: waits for news, at most so many seconds, and takes them over. */
function createStep({ status, withheld, ear, ...parts }: StepParts) {
  const { replica, signal } = parts
  return async (wait: number): Promise<void> => {
    let cursor = await replica.cursor()
    await withheld.note()
    const head = await ear.hear(cursor, cursor ? Math.min(wait, withheld.seconds()) : 0)
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
    await withheld.askAgain()
  }
}

interface EarParts extends FollowParts {
  signal: AbortSignal
  status: FollowStatus
  heard: HeardNotes
}

/** Asks where the upstream stands, and tells in the status whether it is heard. */
function createEar({ upstream, replica, siteId, signal, status, heard }: EarParts) {
  let isLost = false

  async function ask(cursor: Cursor | null, seconds: number): Promise<Head> {
    const head = await upstream.head(cursor?.seq ?? 0, seconds, signal)
    refuseLoop(head, siteId)
    if (!cursor) await replica.noteSites(head.sites)
    if (head.synced === false) throw new Error(UNSYNCED)
    return head
  }

  return {
    isLost: () => isLost,

    /** Waits for news, at most so many seconds. */
    async hear(cursor: Cursor | null, seconds: number): Promise<Head> {
      try {
        const head = await ask(cursor, seconds)
        Object.assign(status, { upstreamSeq: head.seq, heardAt: performance.now() })
        if (isLost) status.error = null
        isLost = false
        await heard.note()
        return head
      } catch (error) {
        if (!signal.aborted) status.error = reasonOf(error)
        isLost = true
        throw error
      }
    },
  }
}

/** Asks again for what images are withheld for, when that is due, and tells of them in the status. */
function createWithheldWatch(parts: CatchUpParts, status: FollowStatus) {
  const retry = createRetry()

  async function note(): Promise<void> {
    const withheld = await parts.replica.withheld()
    status.withheld = withheld.map(({ image, reason }) => ({ id: image.id, reason }))
    retry.plan(withheld.length)
  }

  return {
    note,
    /** Until it is due. */
    seconds: retry.seconds,

    async askAgain(): Promise<void> {
      if (retry.isDue()) await askForWithheld(parts)
      await note()
    },
  }
}

function refuseLoop(head: Head, siteId: string): void {
  if (head.sites.includes(siteId)) {
    throw new Error('The upstream follows this very site: a loop, check [mirror] upstream')
  }
}
