import { getTableName, is, sql, Table } from 'drizzle-orm'
import * as tables from '../../schema/tables.ts'
import type { Registry } from './database.ts'

/** Each table of the registry with its number of rows. */
export async function countRows(registry: Registry): Promise<{ table: string; rows: number }[]> {
  const names = Object.values(tables).filter((table) => is(table, Table))
  return Promise.all(
    names.map(async (table) => {
      const found = await registry
        .select({ rows: sql<number>`count(*)` })
        .from(table)
        .get()
      return { table: getTableName(table), rows: found?.rows ?? 0 }
    }),
  )
}
