import { sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import { type Manifest, pieces } from '../blobs/manifest.ts'
import type { Registry } from '../registry/database.ts'

/** As many as the registry compares in a moment. */
const CHUNKS_AT_ONCE = 8 * 1024

/**
 * The first chunk of a manifest that has another length in a manifest of the registry; null where there is none. Bytes
 * of one digest have one length: one of the two lies, and believing both would make the other one's images unreadable.
 */
export async function findDisagreement(
  registry: Registry,
  manifest: Manifest,
): Promise<string | null> {
  const wanted = lengthsOf(manifest)
  for (let i = 0; i < wanted.length; i += CHUNKS_AT_ONCE) {
    const page = JSON.stringify(wanted.slice(i, i + CHUNKS_AT_ONCE))
    // One use of a chunk stands for all, since they agree.
    const known = sql`SELECT min(b.chunk_size, b.size - o.position * b.chunk_size)
      FROM ${blobChunks} o JOIN ${blobs} b ON b.digest = o.blob WHERE o.digest = c.value->>0 LIMIT 1`
    const found = await registry
      .select({ digest: sql<string>`c.value->>0` })
      .from(sql`json_each(${page}) c`)
      .where(sql`(${known}) <> c.value->>1`)
      .limit(1)
      .get()
    if (found) return found.digest
  }
  return null
}

/** Notes the chunks of a manifest; the first one that was noted with another length, or null. */
export function noteLengths(noted: Map<string, number>, manifest: Manifest): string | null {
  const lengths = lengthsOf(manifest)
  for (const [digest, length] of lengths) {
    if ((noted.get(digest) ?? length) !== length) return digest
  }
  for (const [digest, length] of lengths) noted.set(digest, length)
  return null
}

function lengthsOf(manifest: Manifest): [digest: string, length: number][] {
  const all = [...pieces(manifest, { offset: 0, length: manifest.size })]
  return all.flatMap(({ digest, length }) => (digest === null ? [] : [[digest, length]]))
}
