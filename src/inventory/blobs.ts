import { inArray, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { blobChunks, blobs } from '../../schema/tables.ts'
import type { Manifest } from '../blobs/manifest.ts'
import type { Registry } from '../registry/database.ts'

type Statement = BatchItem<'sqlite'>
type Chunks = Manifest['chunks']

/** As many as are written in a moment, in which nobody else is served. */
const CHUNKS_AT_ONCE = 8 * 1024

/** Which of the blobs are not known, or not with all of their chunks, of which the last is written last. */
export async function missingBlobs(registry: Registry, digests: string[]): Promise<string[]> {
  if (digests.length === 0) return []
  const last = sql`(${blobs.size} + ${blobs.chunk_size} - 1) / ${blobs.chunk_size} - 1`
  const rows = await registry
    .select({ digest: blobs.digest })
    .from(blobs)
    .where(
      sql`${inArray(blobs.digest, digests)} AND (${blobs.size} = 0 OR EXISTS (
        SELECT 1 FROM ${blobChunks} c WHERE c.blob = ${blobs.digest} AND c.position = ${last}))`,
    )
  const known = new Set(rows.map(({ digest }) => digest))
  return [...new Set(digests)].filter((digest) => !known.has(digest))
}

/** Writes a manifest. Until an image has it, its blob counts as released. */
export function insertManifest(
  registry: Registry,
  digest: string,
  manifest: Manifest,
  now: number,
): Statement[] {
  return [
    insertBlob(registry, { digest, manifest, now }),
    insertChunks(registry, digest, { from: 0, chunks: manifest.chunks }),
  ]
}

/** Writes a manifest of many chunks, with pauses for others. One that is broken off is missing still. */
export async function keepManifest(
  registry: Registry,
  digest: string,
  manifest: Manifest,
): Promise<void> {
  await registry.batch([insertBlob(registry, { digest, manifest, now: Date.now() })])
  for (let from = 0; from < manifest.chunks.length; from += CHUNKS_AT_ONCE) {
    const chunks = manifest.chunks.slice(from, from + CHUNKS_AT_ONCE)
    await registry.batch([insertChunks(registry, digest, { from, chunks })])
  }
}

function insertBlob(
  registry: Registry,
  { digest, manifest, now }: { digest: string; manifest: Manifest; now: number },
) {
  const { size, chunkSize, checksum, hashAlgorithm, hashValue } = manifest
  return registry
    .insert(blobs)
    .values({
      digest,
      size,
      chunk_size: chunkSize,
      checksum,
      hash_algo: hashAlgorithm,
      hash_value: hashValue,
      created_at: now,
      released_at: now,
    })
    .onConflictDoNothing()
}

/** One value for all of them: parameters of their own would take ten times the memory. */
function insertChunks(
  registry: Registry,
  blob: string,
  { from, chunks }: { from: number; chunks: Chunks },
) {
  const list = sql`json_each(${JSON.stringify(chunks)})`
  return registry
    .insert(blobChunks)
    .select(sql`SELECT ${blob}, key + ${from}, value FROM ${list} WHERE true`)
    .onConflictDoNothing()
}
