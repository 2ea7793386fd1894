/** Chunks that a sweeper is removing from a store: while it does, nobody may count on them there. */
import { and, eq, inArray, lt, type SQL, sql } from 'drizzle-orm'
import {
  blobChunks,
  blobs,
  condemnedChunks,
  imageLocations,
  uploadChunks,
  uploads,
} from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { databaseTime } from '../registry/database-time.ts'
import { insertionOf } from '../registry/insert-selected.ts'

/** How long a condemned chunk stays out of reach of uploads. A sweeper that died cannot block them for longer. */
export const CONDEMNED_MS = 60_000

/** Whether a sweeper is removing the chunk from the store. */
export function isCondemned(store: string, digest: SQL | string | null): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${condemnedChunks} WHERE ${condemnedChunks.digest} = ${digest}
    AND ${condemnedChunks.store} = ${store}
    AND ${condemnedChunks.condemned_at} > ${databaseTime} - ${CONDEMNED_MS}
  )`
}

/** Whether a sweeper is removing any chunk of the blob from the store. */
export async function hasCondemned(
  registry: Registry,
  store: string,
  blob: string,
): Promise<boolean> {
  const found = await registry
    .select({ digest: blobChunks.digest })
    .from(blobChunks)
    .where(and(eq(blobChunks.blob, blob), isCondemned(store, sql`blob_chunks.digest`)))
    .limit(1)
  return found.length > 0
}

/**
 * Condemns those of the chunks that nothing needs in the store: in one statement, so that each is condemned or needed,
 * whoever comes first. A blob that was released is needed wherever it lies.
 */
export async function condemn(
  registry: Registry,
  store: string,
  digests: string[],
): Promise<string[]> {
  const inBlob = sql`SELECT 1 FROM ${blobChunks} JOIN ${blobs} ON ${blobs.digest} = ${blobChunks.blob}
    WHERE ${blobChunks.digest} = value AND (${blobs.released_at} IS NOT NULL OR EXISTS (
      SELECT 1 FROM ${imageLocations} WHERE ${imageLocations.blob} = ${blobs.digest}
      AND ${imageLocations.store} = ${store}))`
  const inUpload = sql`SELECT 1 FROM ${uploadChunks}
    JOIN ${uploads} ON ${uploads.id} = ${uploadChunks.upload_id}
    JOIN ${imageLocations} ON ${imageLocations.image_id} = ${uploads.image_id}
    WHERE ${uploadChunks.digest} = value
    AND ${imageLocations.status} = 'saving' AND ${imageLocations.store} = ${store}`
  const insertion = insertionOf(
    condemnedChunks,
    { store, digest: sql`value`, condemned_at: databaseTime },
    sql`FROM json_each(${JSON.stringify(digests)})
      WHERE NOT EXISTS (${inBlob}) AND NOT EXISTS (${inUpload})`,
  )
  const rows = await registry.values<[digest: string]>(
    sql`${insertion} ON CONFLICT DO NOTHING RETURNING digest`,
  )
  // Over HTTP a row has numbers for keys, but is no array.
  return rows.map((row) => row[0])
}

/** Chunks that have been removed, or stay after all. */
export async function acquit(registry: Registry, store: string, digests: string[]): Promise<void> {
  if (digests.length === 0) return
  const ours = and(eq(condemnedChunks.store, store), inArray(condemnedChunks.digest, digests))
  await registry.delete(condemnedChunks).where(ours)
}

/** What dead sweepers have left. */
export async function acquitStale(registry: Registry): Promise<void> {
  await registry
    .delete(condemnedChunks)
    .where(lt(condemnedChunks.condemned_at, sql`${databaseTime} - ${CONDEMNED_MS}`))
}
