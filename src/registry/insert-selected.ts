import { getTableColumns, type InferInsertModel, type SQL, sql } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Registry, Statement } from './database.ts'

/** What a select puts into each column: an expression, or one value for all rows. */
export type SelectedRow<Table extends SQLiteTable> = {
  [Column in keyof InferInsertModel<Table>]: InferInsertModel<Table>[Column] | SQL
}

/**
 * The statement `INSERT INTO table (columns) SELECT values rest`, in which each value stands beside the name of its
 * column. `rest` is the select from its FROM or WHERE on. Columns that are left out get the defaults of the database.
 */
export function insertSelected<Table extends SQLiteTable>(
  registry: Registry,
  table: Table,
  row: SelectedRow<Table>,
  rest: SQL,
): Statement {
  return registry.run(insertionOf(table, row, rest))
}

/** The same as a part of a statement, for what is to be returned of it. */
export function insertionOf<Table extends SQLiteTable>(
  table: Table,
  row: SelectedRow<Table>,
  rest: SQL,
): SQL {
  const columns = getTableColumns<SQLiteTable>(table)
  const given = Object.entries(row).map(([key, value]) => ({ column: columns[key], value }))
  const names = given.map(({ column }) => sql.identifier(column?.name ?? ''))
  const values = given.map(({ value }) => sql`${value}`)
  return sql`INSERT INTO ${table} (${sql.join(names, sql`, `)}) SELECT ${sql.join(values, sql`, `)} ${rest}`
}
