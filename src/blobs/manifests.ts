import { asc, eq, sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import type { Manifest } from './manifest.ts'

/** About 30 MB of digests: the chunks of 2 TiB of images at 8 MiB a chunk. */
const MAX_CACHED_CHUNKS = 256 * 1024

/** The most recently used manifests. They never change, so they may stay in memory. */
function createManifestCache() {
  const cache = new Map<string, Manifest>()
  let cachedChunks = 0
  return {
    get(digest: string): Manifest | null {
      const known = cache.get(digest)
      if (!known) return null
      cache.delete(digest)
      cache.set(digest, known)
      return known
    },

    set(digest: string, manifest: Manifest): void {
      // Several requests may have looked for it at once.
      if (cache.has(digest)) return
      cache.set(digest, manifest)
      cachedChunks += manifest.chunks.length
      for (const [oldest, { chunks }] of cache) {
        if (cachedChunks <= MAX_CACHED_CHUNKS) return
        cache.delete(oldest)
        cachedChunks -= chunks.length
      }
    },
  }
}

/** Finds manifests by their digest, and the sizes of chunks. */
export type Manifests = ReturnType<typeof createManifests>

export function createManifests(registry: Registry) {
  const cache = createManifestCache()

  const findBlob = registry
    .select()
    .from(blobs)
    .where(eq(blobs.digest, sql.placeholder('digest')))
    .prepare()

  const findChunks = registry
    .select({ digest: blobChunks.digest })
    .from(blobChunks)
    .where(eq(blobChunks.blob, sql.placeholder('digest')))
    .orderBy(asc(blobChunks.position))
    .prepare()

  const findUse = registry
    .select({ size: blobs.size, chunkSize: blobs.chunk_size, position: blobChunks.position })
    .from(blobChunks)
    .innerJoin(blobs, eq(blobs.digest, blobChunks.blob))
    .where(eq(blobChunks.digest, sql.placeholder('digest')))
    .limit(1)
    .prepare()

  return {
    /** The bytes of a chunk that some blob has; null for any other. */
    async sizeOfChunk(digest: string): Promise<number | null> {
      const found = await findUse.get({ digest })
      if (!found) return null
      return Math.min(found.chunkSize, found.size - found.position * found.chunkSize)
    },

    async find(digest: string): Promise<Manifest | null> {
      const known = cache.get(digest)
      if (known) return known
      const [blob, chunks] = await Promise.all([
        findBlob.get({ digest }),
        findChunks.all({ digest }),
      ])
      // Without all of its chunks it is being removed right now; what is missing must not pass for zeros.
      if (!blob || chunks.length !== Math.ceil(blob.size / blob.chunk_size)) return null
      const manifest = {
        size: blob.size,
        chunkSize: blob.chunk_size,
        checksum: blob.checksum,
        hashAlgorithm: blob.hash_algo,
        hashValue: blob.hash_value,
        chunks: chunks.map((chunk) => chunk.digest),
      }
      cache.set(digest, manifest)
      return manifest
    },
  }
}
