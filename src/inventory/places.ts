import { and, eq, sql } from 'drizzle-orm'
import { blobChunks, blobs, imageLocations } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { isWritten } from './locations.ts'

/** Where a chunk can be read: among the chunks of a store, or within an object. */
export interface Place {
  store: string
  /** Null among chunks. */
  url: string | null
  /** Where it begins in the object: bytes. */
  offset: number
}

export interface Places {
  /** The stores that have a blob whole. */
  storesOf(blob: string): Promise<{ store: string }[]>
  /** One in each store that has the chunk. */
  ofChunk(digest: string): Promise<Place[]>
}

/** What is moved meanwhile shows when it is read: the next copy is tried. */
const REMEMBERED_MS = 1_000
const REMEMBERED = 1_000

export function createPlaces(registry: Registry): Places {
  const remembered = new Map<string, { stores: { store: string }[]; until: number }>()
  const findStores = registry
    .selectDistinct({ store: imageLocations.store })
    .from(imageLocations)
    .where(and(eq(imageLocations.blob, sql.placeholder('blob')), isWritten))
    .prepare()
  const find = registry
    .select({
      store: imageLocations.store,
      url: imageLocations.url,
      offset: sql<number>`${blobChunks.position} * ${blobs.chunk_size}`,
    })
    .from(blobChunks)
    .innerJoin(blobs, eq(blobs.digest, blobChunks.blob))
    .innerJoin(imageLocations, eq(imageLocations.blob, blobChunks.blob))
    .where(and(eq(blobChunks.digest, sql.placeholder('digest')), isWritten))
    // Of several images in one store any will do.
    .groupBy(imageLocations.store)
    .prepare()
  return {
    async storesOf(blob) {
      const known = remembered.get(blob)
      if (known && known.until > performance.now()) return known.stores
      const stores = await findStores.all({ blob })
      if (remembered.size >= REMEMBERED) remembered.clear()
      remembered.set(blob, { stores, until: performance.now() + REMEMBERED_MS })
      return stores
    },
    ofChunk: (digest) => find.all({ digest }),
  }
}
