import { type SQL, sql } from 'drizzle-orm'

/** What the quotes, the names of the columns and the times take that stand beside texts. */
const BESIDES = 100

/**
 * How many bytes the rows for which a condition holds take, about. Lengths are in the head of a row, so that the texts
 * themselves are not read for it.
 */
export function rowBytes(table: string, columns: string[], condition: string): SQL<number> {
  const lengths = columns.map((column) => `coalesce(octet_length(o.${column}), 0)`).join(' + ')
  return sql
    .raw(`(SELECT coalesce(sum(${BESIDES} + ${lengths}), 0) FROM ${table} o WHERE o.${condition})`)
    .mapWith(Number)
}
