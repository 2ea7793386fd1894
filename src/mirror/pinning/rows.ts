import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm'
import { blobChunks, blobs, cachedImages, imageLocations, images } from '../../../schema/tables.ts'
import { chunkBytes, NO_CHECKSUM } from '../../inventory/blobs.ts'
import type { Registry } from '../../registry/database.ts'
import { propertiesOf, tagsOf } from '../../registry/image-columns.ts'
import type { ChunkSizes } from './plan.ts'
import type { Candidate } from './policy.ts'

/** An image of which every byte is here. Times are milliseconds since 1970 UTC. */
export interface CompleteImage {
  id: string
  size: number
  checksum: string | null
  /** When this site learnt of its bytes. */
  knownAt: number
  hits: number | null
  lastAccessedAt: number | null
}

export interface Reads {
  hits: number
  lastAccessedAt: number
}

const listOf = (values: Iterable<string>) =>
  sql`(SELECT value FROM json_each(${JSON.stringify([...values])}))`

/** A deactivated image keeps its place: it may be reactivated. */
const isAlive = and(isNull(images.deleted_at), inArray(images.status, ['active', 'deactivated']))
const hasBlob = and(eq(imageLocations.status, 'active'), isNotNull(imageLocations.blob))

/** Which images were asked to stay, and how often each was read. */
interface PinRecords {
  /** The images that were asked to stay, the first one first. */
  requested(): Promise<string[]>
  /** Whether an image was asked to stay, also one that has been deleted since. */
  isRequested(id: string): Promise<boolean>
  /** Notes that an image was asked to stay. Asked again, it keeps its place. */
  request(id: string, at: number): Promise<void>
  withdraw(ids: Iterable<string>): Promise<void>
  /** Adds to what was counted before. Images that are gone meanwhile are passed over. */
  addReads(reads: ReadonlyMap<string, Reads>): Promise<void>
}

/** What an edge's registry knows of the images that lie here, or are to. */
export interface CachedImages extends PinRecords {
  /** Every image that a policy may pin. */
  candidates(): Promise<Candidate[]>
  /** The chunks of each of the images that has bytes. */
  chunksOf(ids: string[]): Promise<Map<string, ChunkSizes>>
  /** The images whose chunks are all among those that are here. */
  complete(resident: Iterable<string>): Promise<CompleteImage[]>
}

export function createCachedImages(registry: Registry): CachedImages {
  return {
    ...createPinRecords(registry),

    candidates: () =>
      registry
        .select({
          id: images.id,
          name: images.name,
          visibility: images.visibility,
          created_at: images.created_at,
          tags: tagsOf,
          properties: propertiesOf,
        })
        .from(images)
        .where(isAlive),

    async chunksOf(ids) {
      const rows = await registry
        .select({
          id: imageLocations.image_id,
          digest: blobChunks.digest,
          size: chunkBytes,
        })
        .from(imageLocations)
        .innerJoin(blobs, eq(blobs.digest, imageLocations.blob))
        .leftJoin(blobChunks, eq(blobChunks.blob, blobs.digest))
        .where(and(hasBlob, sql`${imageLocations.image_id} IN ${listOf(ids)}`))
        .orderBy(asc(imageLocations.image_id), asc(blobChunks.position))
      const found = new Map<string, Map<string, number>>()
      for (const { id, digest, size } of rows) {
        const chunks = found.get(id) ?? new Map<string, number>()
        if (digest !== null) chunks.set(digest, size)
        found.set(id, chunks)
      }
      return found
    },

    complete(resident) {
      const missing = sql`SELECT 1 FROM ${blobChunks} WHERE ${blobChunks.blob} = ${blobs.digest}
        AND ${blobChunks.digest} IS NOT NULL AND ${blobChunks.digest} NOT IN ${listOf(resident)}`
      return registry
        .select({
          id: images.id,
          size: blobs.size,
          checksum: sql<string | null>`nullif(${blobs.checksum}, ${NO_CHECKSUM})`,
          knownAt: blobs.created_at,
          hits: cachedImages.hits,
          lastAccessedAt: cachedImages.last_accessed_at,
        })
        .from(images)
        .innerJoin(imageLocations, eq(imageLocations.image_id, images.id))
        .innerJoin(blobs, eq(blobs.digest, imageLocations.blob))
        .leftJoin(cachedImages, eq(cachedImages.image_id, images.id))
        .where(and(isAlive, hasBlob, sql`NOT EXISTS (${missing})`))
        .orderBy(asc(images.id))
    },
  }
}

function createPinRecords(registry: Registry): PinRecords {
  return {
    async requested() {
      const rows = await registry
        .select({ id: cachedImages.image_id })
        .from(cachedImages)
        .innerJoin(images, eq(images.id, cachedImages.image_id))
        .where(and(isNotNull(cachedImages.pinned_at), isAlive))
        .orderBy(asc(cachedImages.pinned_at), asc(cachedImages.image_id))
      return rows.map(({ id }) => id)
    },

    async isRequested(id) {
      const found = await registry
        .select({ at: cachedImages.pinned_at })
        .from(cachedImages)
        .where(eq(cachedImages.image_id, id))
        .get()
      return typeof found?.at === 'number'
    },

    async request(id, at) {
      await registry
        .insert(cachedImages)
        .values({ image_id: id, pinned_at: at })
        .onConflictDoUpdate({
          target: cachedImages.image_id,
          set: { pinned_at: sql`coalesce(${cachedImages.pinned_at}, excluded.pinned_at)` },
        })
    },

    async withdraw(ids) {
      await registry
        .update(cachedImages)
        .set({ pinned_at: null })
        .where(sql`${cachedImages.image_id} IN ${listOf(ids)}`)
    },

    async addReads(reads) {
      const rows = [...reads].map(([id, read]) => ({ id, ...read }))
      await registry.run(sql`
        INSERT INTO cached_images (image_id, hits, last_accessed_at)
        SELECT images.id, value ->> 'hits', value ->> 'lastAccessedAt'
        FROM json_each(${JSON.stringify(rows)}) JOIN images ON images.id = value ->> 'id' WHERE true
        ON CONFLICT (image_id) DO UPDATE
        SET hits = hits + excluded.hits, last_accessed_at = excluded.last_accessed_at`)
    },
  }
}
