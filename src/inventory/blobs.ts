/** The rows of blobs: what each is made of. */
import { inArray, type SQL, sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import type { Manifest } from '../blobs/manifest.ts'
import type { Registry, Statement } from '../registry/database.ts'
import { insertSelected } from '../registry/insert-selected.ts'

type Chunks = Manifest['chunks']

/** As many as are written in a moment, in which nobody else is served. */
const CHUNKS_AT_ONCE = 8 * 1024

/** What stands in the column of a blob without a checksum, which takes no null. */
export const NO_CHECKSUM = ''

/** How many bytes a chunk of a blob has, in a select of both: all of them but the last are equally long. */
export const chunkBytes = sql<number>`min(${blobs.chunk_size},
  ${blobs.size} - ${blobChunks.position} * ${blobs.chunk_size})`

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
  at: number,
): [Statement, Statement] {
  return [
    insertBlob(registry, { digest, manifest, at }, sql`true`),
    insertChunks(registry, digest, { from: 0, chunks: manifest.chunks }),
  ]
}

/** Writes a manifest of many chunks, with pauses for others. One that is broken off is missing still. */
export async function keepManifest(
  registry: Registry,
  digest: string,
  manifest: Manifest,
): Promise<void> {
  await registry.batch([insertBlob(registry, { digest, manifest, at: Date.now() }, sql`true`)])
  for (let from = 0; from < manifest.chunks.length; from += CHUNKS_AT_ONCE) {
    const chunks = manifest.chunks.slice(from, from + CHUNKS_AT_ONCE)
    await registry.batch([insertChunks(registry, digest, { from, chunks })])
  }
}

/** Writes the row of a blob, without its chunks, where the condition holds. It counts as released. */
export function insertBlob(
  registry: Registry,
  { digest, manifest, at }: { digest: string; manifest: Manifest; at: number },
  where: SQL,
): Statement {
  const row = {
    digest,
    size: manifest.size,
    chunk_size: manifest.chunkSize,
    checksum: manifest.checksum ?? NO_CHECKSUM,
    hash_algo: manifest.hashAlgorithm,
    hash_value: manifest.hashValue,
    created_at: at,
    released_at: at,
  }
  return insertSelected(registry, blobs, row, sql`WHERE ${where} ON CONFLICT DO NOTHING`)
}

/** One value for all of them: parameters of their own would take ten times the memory. */
function insertChunks(
  registry: Registry,
  blob: string,
  { from, chunks }: { from: number; chunks: Chunks },
): Statement {
  return insertSelected(
    registry,
    blobChunks,
    { blob, position: sql`key + ${from}`, digest: sql`value` },
    sql`FROM json_each(${JSON.stringify(chunks)}) WHERE true ON CONFLICT DO NOTHING`,
  )
}
