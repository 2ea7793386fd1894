import { getLogger } from '@logtape/logtape'
import type { Manifest } from '../blobs/manifest.ts'
import type { Cursor, Replica } from './apply.ts'
import type { Head, ImageRecord } from './record.ts'
import { parseSnapshotRecord, parseSnapshotStart, type Upstream } from './upstream.ts'

const WAIT_SECONDS = 25
const RECORDS_A_BATCH = 200
const MANIFESTS_AT_ONCE = 4
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
  const status: FollowStatus = { epoch: null, seq: 0, upstreamSeq: 0, heardAt: null, error: null }

  /** One step: waits for news, at most `wait` seconds, and takes them over. */
  async function step(wait: number): Promise<void> {
    let cursor = await replica.cursor()
    const head = await upstream.head(cursor?.seq ?? 0, cursor ? wait : 0, stop.signal)
    refuseLoop(head, siteId)
    Object.assign(status, { upstreamSeq: head.seq, heardAt: Date.now() })
    // A feed that is behind what we have seen is another one: the origin was restored from a backup.
    const isOther = cursor !== null && (cursor.epoch !== head.epoch || head.seq < cursor.seq)
    if (isOther) log.warn('The upstream is not the one it was: taking a snapshot')
    if (cursor === null || isOther) cursor = await takeSnapshot(head)
    while (cursor.seq < head.seq)
      cursor = (await takeChanges(cursor, head)) ?? (await takeSnapshot(head))
    Object.assign(status, { epoch: cursor.epoch, seq: cursor.seq, error: null })
  }

  /** Null when the upstream no longer knows what followed. */
  async function takeChanges(cursor: Cursor, head: Head): Promise<Cursor | null> {
    const page = await upstream.changes(cursor.seq)
    if (!page || page.epoch !== cursor.epoch) return null
    const records = page.changes.map((change) => change.image)
    const next = { epoch: page.epoch, seq: page.seq, sites: head.sites }
    await replica.apply(records, await fetchManifests(records), next)
    status.seq = next.seq
    return next
  }

  async function takeSnapshot(head: Head): Promise<Cursor> {
    const lines = (await upstream.snapshot())[Symbol.asyncIterator]()
    const start = parseSnapshotStart((await lines.next()).value ?? '')
    const ids: string[] = []
    let batch: ImageRecord[] = []
    for await (const line of { [Symbol.asyncIterator]: () => lines }) {
      const record = parseSnapshotRecord(line)
      ids.push(record.id)
      batch.push(record)
      if (batch.length < RECORDS_A_BATCH) continue
      await replica.apply(batch, await fetchManifests(batch), null)
      batch = []
    }
    const cursor = { ...start, sites: head.sites }
    await replica.keepOnly(ids)
    await replica.apply(batch, await fetchManifests(batch), cursor)
    log.info('Took a snapshot of {images} images at {seq}', { images: ids.length, seq: start.seq })
    return cursor
  }

  /** The manifests that are not here yet: nothing is listed before it can be served. */
  async function fetchManifests(records: ImageRecord[]): Promise<Map<string, Manifest>> {
    const missing = await replica.missingBlobs(
      records.map(({ blob }) => blob).filter((blob) => blob !== null),
    )
    const found = new Map<string, Manifest>()
    for (let i = 0; i < missing.length; i += MANIFESTS_AT_ONCE) {
      await Promise.all(
        missing.slice(i, i + MANIFESTS_AT_ONCE).map(async (digest) => {
          const manifest = await upstream.manifest(digest)
          // The image was deleted since: its record is about to change once more.
          if (!manifest) throw new Error(`The upstream no longer has the manifest ${digest}`)
          found.set(digest, manifest)
        }),
      )
    }
    return found
  }

  return {
    status: (): FollowStatus => ({ ...status }),

    step,

    /** Follows until stopped. A failure is told and tried again after a pause that grows. */
    async run(): Promise<void> {
      let pause = FIRST_PAUSE_MS
      while (!stop.signal.aborted) {
        try {
          await step(WAIT_SECONDS)
          pause = FIRST_PAUSE_MS
        } catch (error) {
          if (stop.signal.aborted) return
          status.error = error instanceof Error ? error.message : String(error)
          log.warn('Cannot follow the upstream: {reason}', { reason: status.error })
          await sleep(pause * (0.5 + Math.random() / 2), stop.signal)
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

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
