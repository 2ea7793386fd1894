import { getLogger } from '@logtape/logtape'
import type { Head, ImageRecord, MetadefChanges } from '../feed/records.ts'
import type { Upstream } from '../upstream/client.ts'
import type { SnapshotLine } from '../upstream/snapshot.ts'
import { type Cursor, NOTHING_BESIDE, type Replica } from './replica.ts'
import { sortOut } from './servable.ts'
import { refuseTooMany, type WithheldImage } from './withheld.ts'

const RECORDS_A_BATCH = 200
const BYTES_A_BATCH = 8 << 20
/** Their ids are kept until the end, to know which images are gone. */
const MAX_IMAGES = 1_000_000
/** Each may take as long as an upstream takes that drips, and the feed waits meanwhile. */
const ASKED_AGAIN_AT_ONCE = 20

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
  const { servable, manifests, withheld } = await sortOut(parts, records)
  const changed = new Set(records.map(({ id }) => id))
  const before = await parts.replica.withheld()
  const others = before.filter(({ image }) => !changed.has(image.id))
  await parts.replica.apply(servable, manifests, next, {
    ...(page.metadefs ? { changes: page.metadefs, complete: false } : NOTHING_BESIDE),
    ...(before.length + withheld.length > 0 && { withheld: [...others, ...withheld] }),
  })
  return next
}

/** Takes over everything. The cursor comes last, so that a snapshot that breaks off is taken anew. */
export async function takeSnapshot(parts: CatchUpParts, head: Head): Promise<Cursor> {
  const { replica } = parts
  const { start, lines } = await parts.upstream.snapshot(parts.signal)
  const ids = new Set<string>()
  const withheld: WithheldImage[] = []
  let batch: ImageRecord[] = []
  let metadefs: MetadefChanges = { namespaces: [], resource_types: [] }
  for await (const taken of inBatches(lines)) {
    if (batch.length > 0) {
      const { servable, manifests } = await take(batch)
      await replica.apply(servable, manifests, null)
    }
    batch = taken.images
    metadefs = taken.metadefs ?? metadefs
    noteIds(ids, batch)
  }

  async function take(images: ImageRecord[]) {
    const sorted = await sortOut(parts, images)
    withheld.push(...sorted.withheld)
    refuseTooMany(withheld)
    return sorted
  }

  const cursor = { ...start, sites: head.sites }
  const { servable, manifests } = await take(batch)
  await replica.keepOnly([...ids])
  const beside = { changes: metadefs, complete: true, withheld }
  await replica.apply(servable, manifests, cursor, beside)
  log.info('Took a snapshot of {images} images at {seq}', { images: ids.size, seq: start.seq })
  return cursor
}

interface SnapshotBatch {
  images: ImageRecord[]
  metadefs: MetadefChanges | null
}

async function* inBatches(lines: AsyncIterable<SnapshotLine>): AsyncGenerator<SnapshotBatch> {
  let batch: SnapshotBatch = { images: [], metadefs: null }
  let bytes = 0
  for await (const line of lines) {
    if ('metadefs' in line) batch.metadefs = line.metadefs
    else batch.images.push(line.image)
    bytes += line.bytes
    if (batch.images.length < RECORDS_A_BATCH && bytes < BYTES_A_BATCH) continue
    yield batch
    batch = { images: [], metadefs: null }
    bytes = 0
  }
  yield batch
}

function noteIds(ids: Set<string>, images: ImageRecord[]): void {
  for (const { id } of images) {
    if (ids.has(id)) throw new Error(`The snapshot has image ${id} twice`)
    ids.add(id)
  }
  if (ids.size > MAX_IMAGES) throw new Error(`The snapshot has more than ${MAX_IMAGES} images`)
}

/** Asks once more for what some images are withheld for, in turn, and takes over those that can be served now. */
export async function askForWithheld(parts: CatchUpParts): Promise<void> {
  const before = await parts.replica.withheld()
  const others = before.slice(ASKED_AGAIN_AT_ONCE)
  const asked = before.slice(0, ASKED_AGAIN_AT_ONCE).map(({ image }) => image)
  const { servable, manifests, withheld } = await sortOut(parts, asked)
  if (servable.length === 0 && others.length === 0) return
  const beside = { ...NOTHING_BESIDE, withheld: [...others, ...withheld] }
  await parts.replica.apply(servable, manifests, null, beside)
  for (const { id } of servable) log.info('Image {id} is no longer withheld', { id })
}
