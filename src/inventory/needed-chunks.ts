/** Which chunks the images of this registry need. */
import { eq, isNotNull, sql } from 'drizzle-orm'
import { blobChunks, blobs, imageLocations } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { chunkBytes } from './blobs.ts'

const ASKED_AT_ONCE = 1000

export interface NeededChunk {
  digest: string
  /** Bytes. */
  size: number
}

/** Each chunk once, whichever blobs have it. */
export async function neededChunks(registry: Registry): Promise<NeededChunk[]> {
  const rows = await selectNeeded(registry)
  return rows.flatMap(({ digest, size }) => (digest === null ? [] : [{ digest, size }]))
}

/** How many there are, and their bytes. */
export async function neededTotal(registry: Registry): Promise<{ chunks: number; bytes: number }> {
  const needed = selectNeeded(registry).as('needed')
  const found = await registry
    .select({
      chunks: sql<number>`count(*)`.mapWith(Number),
      bytes: sql<number>`coalesce(sum(${needed.size}), 0)`.mapWith(Number),
    })
    .from(needed)
    .get()
  return found ?? { chunks: 0, bytes: 0 }
}

function selectNeeded(registry: Registry) {
  return registry
    .select({
      digest: blobChunks.digest,
      size: sql<number>`max(${chunkBytes})`.mapWith(Number).as('size'),
    })
    .from(blobChunks)
    .innerJoin(blobs, eq(blobs.digest, blobChunks.blob))
    .where(isNotNull(blobChunks.digest))
    .groupBy(blobChunks.digest)
}

/** Those of the chunks that no blob has. */
export async function unneededChunks(registry: Registry, digests: string[]): Promise<string[]> {
  const unneeded: string[] = []
  for (let i = 0; i < digests.length; i += ASKED_AT_ONCE) {
    const list = JSON.stringify(digests.slice(i, i + ASKED_AT_ONCE))
    const rows = await registry.values<[digest: string]>(sql`
      SELECT value FROM json_each(${list})
      WHERE NOT EXISTS (SELECT 1 FROM ${blobChunks} WHERE ${blobChunks.digest} = value)`)
    // Over HTTP a row has numbers for keys, but is no array.
    unneeded.push(...rows.map((row) => row[0]))
  }
  return unneeded
}

/** The ids of the images that need each of the chunks. */
export async function imagesThatNeed(
  registry: Registry,
  digests: string[],
): Promise<Map<string, string[]>> {
  const images = new Map<string, string[]>(digests.map((digest) => [digest, []]))
  if (digests.length === 0) return images
  const rows = await registry
    .selectDistinct({ digest: blobChunks.digest, image: imageLocations.image_id })
    .from(blobChunks)
    .innerJoin(imageLocations, eq(imageLocations.blob, blobChunks.blob))
    .where(sql`${blobChunks.digest} IN (SELECT value FROM json_each(${JSON.stringify(digests)}))`)
  for (const { digest, image } of rows) if (digest !== null) images.get(digest)?.push(image)
  return images
}
