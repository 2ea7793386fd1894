import { getLogger } from '@logtape/logtape'
import type { Manifest } from '../blobs/manifest.ts'
import type { Cursor, Replica } from './apply.ts'
import type { Head, ImageRecord, MetadefChanges } from './record.ts'
import { parseSnapshotLine, parseSnapshotStart, type Upstream } from './upstream.ts'

const RECORDS_A_BATCH = 200
const CHARACTERS_A_BATCH = 8 << 20
const MANIFESTS_AT_ONCE = 4

const log = getLogger(['heliostat', 'follow'])

export interface CatchUpParts {
  upstream: Pick<Upstream, 'changes' | 'snapshot' | 'manifest'>
  replica: Replica
  /** Ends the catching up, wherever it is, by a throw. */
  signal: AbortSignal
}

/** Takes over one page of changes and returns the cursor after it; null when the upstream no longer knows them all. */
export async function takeChanges(
  parts: CatchUpParts,
  cursor: Cursor,
  head: Head,
): Promise<Cursor | null> {
  const page = await parts.upstream.changes(cursor.seq, parts.signal)
  if (!page || page.epoch !== cursor.epoch) return null
  if (cursor.seq < head.seq && page.seq <= cursor.seq) {
    throw new Error(`The upstream is at change ${head.seq}, but tells of none after ${cursor.seq}`)
  }
  const records = page.changes.map((change) => change.image)
  const next = { epoch: page.epoch, seq: page.seq, sites: head.sites }
  const manifests = await fetchManifests(parts, records)
  const metadefs = page.metadefs && { changes: page.metadefs, complete: false }
  await parts.replica.apply(records, manifests, next, metadefs)
  return next
}

/** Takes over everything. The cursor comes last, so that a snapshot that breaks off is taken anew. */
export async function takeSnapshot(parts: CatchUpParts, head: Head): Promise<Cursor> {
  const lines = (await parts.upstream.snapshot(parts.signal))[Symbol.asyncIterator]()
  const start = parseSnapshotStart((await lines.next()).value ?? '')
  const ids: string[] = []
  let batch: ImageRecord[] = []
  let characters = 0
  let metadefs: MetadefChanges = { namespaces: [], resource_types: [] }
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const record = parseSnapshotLine(line)
    if ('metadefs' in record) {
      metadefs = record.metadefs
      continue
    }
    ids.push(record.id)
    batch.push(record)
    characters += line.length
    if (batch.length < RECORDS_A_BATCH && characters < CHARACTERS_A_BATCH) continue
    await parts.replica.apply(batch, await fetchManifests(parts, batch), null)
    batch = []
    characters = 0
  }
  const cursor = { ...start, sites: head.sites }
  await parts.replica.keepOnly(ids)
  const manifests = await fetchManifests(parts, batch)
  await parts.replica.apply(batch, manifests, cursor, { changes: metadefs, complete: true })
  log.info('Took a snapshot of {images} images at {seq}', { images: ids.length, seq: start.seq })
  return cursor
}

/** The manifests that are not here yet: nothing is listed before it can be served. */
async function fetchManifests(
  { upstream, replica, signal }: CatchUpParts,
  records: ImageRecord[],
): Promise<Map<string, Manifest>> {
  signal.throwIfAborted()
  const named = records.map(({ blob }) => blob).filter((blob) => blob !== null)
  const missing = await replica.missingBlobs(named)
  const found = new Map<string, Manifest>()
  for (let i = 0; i < missing.length; i += MANIFESTS_AT_ONCE) {
    await Promise.all(
      missing.slice(i, i + MANIFESTS_AT_ONCE).map(async (digest) => {
        const manifest = await upstream.manifest(digest, signal)
        // The image was deleted since: its record is about to change once more.
        if (!manifest) throw new Error(`The upstream no longer has the manifest ${digest}`)
        found.set(digest, manifest)
      }),
    )
  }
  return found
}
