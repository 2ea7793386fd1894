import { getTableName, type SQL, sql, type Table } from 'drizzle-orm'
import {
  cachedImages,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  tasks,
} from '../../schema/tables.ts'
import { freeing, type Registry } from './database.ts'

/** Rows a statement, so that requests get their turn in between. */
const PAGE = 1000

export interface PurgeOptions {
  /** Only what was deleted before, in milliseconds since 1970 UTC. */
  before: number
  /** Rows of each table; Infinity for all of them. */
  maxRows: number
}

export interface Purged {
  table: string
  rows: number
}

/** Removes what was deleted long ago, but for the images' own rows: while one is there, its id is never given again. */
export async function* purgeDeleted(
  registry: Registry,
  { before, maxRows }: PurgeOptions,
): AsyncGenerator<Purged> {
  const deletedBefore = sql`deleted_at < ${before}`
  const ofDeletedImage = sql`image_id IN (SELECT id FROM ${images} WHERE ${isDeleted(before)})`
  const doomed: [Table, SQL][] = [
    [tasks, deletedBefore],
    [imageMembers, deletedBefore],
    [imageProperties, ofDeletedImage],
    [imageTags, ofDeletedImage],
    [cachedImages, ofDeletedImage],
  ]
  for (const [table, condition] of doomed) {
    yield await purgeTable(registry, { table, condition, maxRows })
  }
}

/** Removes the rows of images that were deleted long ago, after which their ids may be used again. */
export async function* purgeImages(
  registry: Registry,
  { before, maxRows }: PurgeOptions,
): AsyncGenerator<Purged> {
  // Whatever else belongs to them goes with them, by its foreign key.
  yield await purgeTable(registry, { table: images, condition: isDeleted(before), maxRows })
}

/** Not those that wait for their deletion: their data is still there. */
function isDeleted(before: number): SQL {
  return sql`status = 'deleted' AND deleted_at < ${before}`
}

async function purgeTable(
  registry: Registry,
  { table, condition, maxRows }: { table: Table; condition: SQL; maxRows: number },
): Promise<Purged> {
  let rows = 0
  while (rows < maxRows) {
    const limit = Math.min(PAGE, maxRows - rows)
    const { rowsAffected } = await freeing(registry).run(sql`DELETE FROM ${table} WHERE rowid IN (
      SELECT rowid FROM ${table} WHERE ${condition} LIMIT ${limit}
    )`)
    rows += rowsAffected
    if (rowsAffected < limit) break
  }
  return { table: getTableName(table), rows }
}
