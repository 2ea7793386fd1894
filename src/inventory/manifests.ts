import { getLogger } from '@logtape/logtape'
import { eq, sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import {
  MAX_CHUNK_BYTES,
  MAX_CHUNKS,
  type Manifest,
  manifestDigest,
  type NamedManifest,
  requireSound,
} from '../blobs/manifest.ts'
import { reasonOf } from '../reason.ts'
import type { Registry } from '../registry/database.ts'
import { NO_CHECKSUM } from './blobs.ts'
import { neededTotal } from './needed-chunks.ts'

/** About 30 MB of digests. */
const MAX_CACHED_CHUNKS = MAX_CHUNKS

const log = getLogger(['heliostat', 'manifests'])

const listOfChunks = sql<(string | null)[]>`json_group_array(digest)`.mapWith(
  (text: string): (string | null)[] => JSON.parse(text),
)

/** The most recently used manifests. They never change, so they may stay in memory. */
function createManifestCache() {
  const cache = new Map<string, NamedManifest>()
  let cachedChunks = 0
  return {
    get(digest: string): NamedManifest | null {
      const known = cache.get(digest)
      if (!known) return null
      cache.delete(digest)
      cache.set(digest, known)
      return known
    },

    set(digest: string, manifest: NamedManifest): void {
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
export interface Manifests {
  /** The bytes of a chunk that some blob has; null for any other. */
  sizeOfChunk(digest: string): Promise<number | null>
  /** Null for an unknown one, and for one that the registry no longer has as it was. */
  find(digest: string): Promise<NamedManifest | null>
  /** How many chunks all blobs have together, and how many bytes, each chunk once. */
  total(): Promise<{ chunks: number; bytes: number }>
}

export function createManifests(registry: Registry): Manifests {
  const cache = createManifestCache()

  const findBlob = registry
    .select()
    .from(blobs)
    .where(eq(blobs.digest, sql.placeholder('digest')))
    .prepare()

  const inOrder = sql`SELECT digest FROM ${blobChunks}
    WHERE ${blobChunks.blob} = ${sql.placeholder('digest')} ORDER BY ${blobChunks.position}`
  // One value: as rows they take ten times as long.
  const findChunks = registry
    .select({ list: listOfChunks })
    .from(sql`(${inOrder})`)
    .prepare()

  const findUse = registry
    .select({ size: blobs.size, chunkSize: blobs.chunk_size, position: blobChunks.position })
    .from(blobChunks)
    .innerJoin(blobs, eq(blobs.digest, blobChunks.blob))
    .where(eq(blobChunks.digest, sql.placeholder('digest')))
    .limit(1)
    .prepare()

  return {
    async sizeOfChunk(digest) {
      const found = await findUse.get({ digest })
      if (!found) return null
      const { size, chunkSize, position } = found
      const length = Math.min(chunkSize, size - position * chunkSize)
      // Whoever asks is about to take memory for it, and a disk may have changed the row.
      return length > 0 && length <= MAX_CHUNK_BYTES ? length : null
    },

    total: () => neededTotal(registry),

    async find(digest) {
      const known = cache.get(digest)
      if (known) return known
      const [blob, chunks] = await Promise.all([
        findBlob.get({ digest }),
        findChunks.get({ digest }),
      ])
      if (!blob) return null
      const manifest = {
        size: blob.size,
        chunkSize: blob.chunk_size,
        checksum: blob.checksum === NO_CHECKSUM ? null : blob.checksum,
        hashAlgorithm: blob.hash_algo,
        hashValue: blob.hash_value,
        chunks: chunks?.list ?? [],
        blob: digest,
      }
      if (!isWhole(digest, manifest)) return null
      cache.set(digest, manifest)
      return manifest
    },
  }
}

/** Whether a manifest is what its name says: one bit that has changed on a disk would be wrong bytes for a reader. */
function isWhole(digest: string, manifest: Manifest): boolean {
  try {
    requireSound(manifest)
    if (manifestDigest(manifest) === digest) return true
    throw new Error('it is not what its name says')
  } catch (error) {
    log.error('Manifest {digest} in the registry is damaged: {reason}', {
      digest,
      reason: reasonOf(error),
    })
    return false
  }
}
