/** What the native engine takes and gives, for clients and drizzle. */
import type { ResultSet, Row } from '@libsql/client/web'

export function bindable(args: unknown): unknown[] {
  if (!Array.isArray(args)) return []
  return args.map((value) => (typeof value === 'boolean' ? Number(value) : (value ?? null)))
}

export function resultSet(rows: unknown[], rowsAffected: number): ResultSet {
  return {
    columns: [],
    columnTypes: [],
    // Raw mode yields plain arrays, which is all that drizzle reads of a row.
    rows: rows as Row[],
    rowsAffected,
    lastInsertRowid: undefined,
    toJSON: () => rows,
  }
}
