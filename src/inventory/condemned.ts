/** Chunks that a sweeper is removing: while it does, no upload may count on them. */
import { inArray, lt, type SQL, sql } from 'drizzle-orm'
import { blobChunks, condemnedChunks, uploadChunks } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { insertionOf } from '../registry/insert-selected.ts'

/** How long a condemned chunk stays out of reach of uploads. A sweeper that died cannot block them for longer. */
export const CONDEMNED_MS = 60_000

/** Whether a sweeper is removing the chunk. */
export function isCondemned(digest: string | null, now: number): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${condemnedChunks} WHERE ${condemnedChunks.digest} = ${digest}
    AND ${condemnedChunks.condemned_at} > ${now - CONDEMNED_MS}
  )`
}

/** Condemns those of the chunks that nothing needs: in one statement, so that each is condemned or needed, whoever comes first. */
export async function condemn(
  registry: Registry,
  digests: string[],
  at: number,
): Promise<string[]> {
  const inBlob = sql`SELECT 1 FROM ${blobChunks} WHERE ${blobChunks.digest} = value`
  const inUpload = sql`SELECT 1 FROM ${uploadChunks} WHERE ${uploadChunks.digest} = value`
  const insertion = insertionOf(
    condemnedChunks,
    { digest: sql`value`, condemned_at: at },
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
export async function acquit(registry: Registry, digests: string[]): Promise<void> {
  if (digests.length === 0) return
  await registry.delete(condemnedChunks).where(inArray(condemnedChunks.digest, digests))
}

/** What dead sweepers have left. */
export async function acquitStale(registry: Registry): Promise<void> {
  await registry
    .delete(condemnedChunks)
    .where(lt(condemnedChunks.condemned_at, Date.now() - CONDEMNED_MS))
}
