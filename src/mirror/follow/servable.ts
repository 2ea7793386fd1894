import { getLogger } from '@logtape/logtape'
import type { Manifest } from '../../blobs/manifest.ts'
import { noteLengths } from '../../inventory/chunk-lengths.ts'
import type { ImageRecord } from '../feed/records.ts'
import type { Upstream } from '../upstream/client.ts'
import type { Replica } from './replica.ts'
import type { WithheldImage } from './withheld.ts'

const MANIFESTS_AT_ONCE = 4
/** Of the manifests that are held in memory until their images are taken over, or of one that is stored at once. */
const CHUNKS_AT_ONCE = 8 * 1024

const log = getLogger(['heliostat', 'follow'])

export interface ServableParts {
  upstream: Pick<Upstream, 'manifest'>
  replica: Pick<Replica, 'missingBlobs' | 'disagreement' | 'keepManifest' | 'apply'>
  signal: AbortSignal
}

interface Sorted {
  servable: ImageRecord[]
  /** Those of their manifests that are not in the registry yet. */
  manifests: Map<string, Manifest>
  withheld: WithheldImage[]
}

/** Fetches the manifests of records, and sets those aside that cannot be had: nothing is listed that cannot be served. */
export async function sortOut(parts: ServableParts, images: ImageRecord[]): Promise<Sorted> {
  const { manifests, refused } = await fetchManifests(parts, images)
  const sorted: Sorted = { servable: [], manifests, withheld: [] }
  for (const image of images) {
    const reason = image.blob === null ? undefined : refused.get(image.blob)
    if (reason === undefined) sorted.servable.push(image)
    // That it goes is taken over all the same.
    else if (image.deleted_at !== null) sorted.servable.push({ ...image, blob: null })
    else {
      log.warn('Image {id} is withheld: {reason}', { id: image.id, reason })
      sorted.withheld.push({ image, reason })
    }
  }
  return sorted
}

/** The manifests that are not here yet, and why others cannot be had. */
async function fetchManifests(
  { upstream, replica, signal }: ServableParts,
  images: ImageRecord[],
): Promise<{ manifests: Map<string, Manifest>; refused: Map<string, string> }> {
  signal.throwIfAborted()
  const missing = await replica.missingBlobs(images.flatMap(({ blob }) => blob ?? []))
  const refused = new Map<string, string>()
  let manifests = new Map<string, Manifest>()
  let lengths = new Map<string, number>()
  for (let i = 0; i < missing.length; i += MANIFESTS_AT_ONCE) {
    signal.throwIfAborted()
    const asking = missing.slice(i, i + MANIFESTS_AT_ONCE).map(async (digest) => {
      const found = await fetchManifest({ upstream, replica, signal }, digest, lengths)
      if (typeof found === 'string') refused.set(digest, found)
      else if (found.chunks.length <= CHUNKS_AT_ONCE) manifests.set(digest, found)
    })
    await Promise.all(asking)
    if (lengths.size < CHUNKS_AT_ONCE) continue
    await replica.apply([], manifests, null)
    manifests = new Map()
    lengths = new Map()
  }
  return { manifests, refused }
}

/** A manifest, or why it cannot be had. `lengths` are those of the chunks of the ones that were fetched before. */
async function fetchManifest(
  { upstream, replica, signal }: ServableParts,
  digest: string,
  lengths: Map<string, number>,
): Promise<Manifest | string> {
  const found = await upstream.manifest(digest, signal)
  if (typeof found === 'string') return found
  const chunk = (await replica.disagreement(found)) ?? noteLengths(lengths, found)
  if (chunk === null) {
    if (found.chunks.length > CHUNKS_AT_ONCE) await replica.keepManifest(digest, found)
    return found
  }
  return `its manifest says another length of chunk ${chunk} than that of another image`
}
