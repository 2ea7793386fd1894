import { sql } from 'drizzle-orm'
import type { Registry } from './database.ts'

/**
 * The database's own time in milliseconds, for what processes tell each other by it: the clocks of their machines may
 * differ, and that of an embedded file is this machine's.
 */
export const databaseTime = sql<number>`CAST(unixepoch('subsec') * 1000 AS INTEGER)`

/** Asks the database what time it is. */
export async function readDatabaseTime(registry: Registry): Promise<number> {
  const rows = await registry.values<[time: number]>(sql`SELECT ${databaseTime}`)
  // Over HTTP a row has numbers for keys, but is no array.
  return rows[0]?.[0] ?? Number.NaN
}
