import {
  asc,
  desc,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  sql,
  type SQL,
} from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { imageProperties, images, imageTags } from '../../../schema/tables.ts'
import type { TimeOperator } from './filter-values.ts'
import type { Filters, Term } from './query.ts'
import type { SortKey } from './sorting.ts'

/** What a list's filters ask of `images`, except who may see what (see `visibility.ts`). */
export function filterConditions(filters: Pick<Filters, 'hidden' | 'terms'>): SQL[] {
  return [
    eq(images.os_hidden, filters.hidden),
    isNull(images.deleted_at),
    ne(images.status, 'killed'),
    ...filters.terms.map(termCondition),
  ]
}

function termCondition(term: Term): SQL {
  switch (term.kind) {
    case 'text':
    case 'number':
      return among(images[term.column], term.values)
    case 'range':
      return (term.bound === 'min' ? gte : lte)(images[term.column], term.value)
    case 'time':
      return TIME_CONDITIONS[term.operator](images[term.column], term.second)
    case 'protected':
      return eq(images.protected, term.value)
    case 'tag':
      return sql`exists (select 1 from ${imageTags}
        where ${eq(imageTags.image_id, images.id)} and ${eq(imageTags.value, term.value)})`
    case 'property':
      return sql`exists (select 1 from ${imageProperties}
        where ${eq(imageProperties.image_id, images.id)}
        and ${eq(imageProperties.name, term.name)} and ${eq(imageProperties.value, term.value)})`
  }
}

/** Takes any column: a value that the column's type does not know is no error, just never found. */
function among(column: SQLiteColumn, values: unknown[]): SQL {
  return inArray(column, values)
}

/**
 * Stored times have milliseconds, those of the API whole seconds. So a time equals a second if it
 * lies within it, written as bounds on the bare column, since no index serves a computed value.
 */
const TIME_CONDITIONS: Record<TimeOperator, (column: SQLiteColumn, second: number) => SQL> = {
  eq: (column, second) => sql`(${gte(column, second)} and ${lt(column, second + 1000)})`,
  neq: (column, second) => sql`(${lt(column, second)} or ${gte(column, second + 1000)})`,
  gt: (column, second) => gte(column, second + 1000),
  gte: (column, second) => gte(column, second),
  lt: (column, second) => lt(column, second),
  lte: (column, second) => lt(column, second + 1000),
}

export function orderBy(sort: SortKey[]): SQL[] {
  return sort.map(({ key, direction }) => (direction === 'asc' ? asc : desc)(images[key]))
}

/** The columns that an order can depend on. */
export type MarkerRow = Pick<typeof images.$inferSelect, SortKey['key']>

/** Holds for the images after the marker in the given order, NULL being less than every value. */
export function markerCondition(sort: SortKey[], marker: MarkerRow): SQL {
  // From the last key to the first: each says what holds where the keys before it are equal.
  return sort.reduceRight(
    (next, { key, direction }) => AFTER[direction](images[key], marker[key], next),
    sql`false`,
  )
}

type After = (column: SQLiteColumn, value: string | number | null, next: SQL) => SQL

/**
 * `a <= x and (a < x or …)` rather than `a < x or (a = x and …)`: both say the same, but only for
 * the first does SQLite start in the middle of an index.
 */
const AFTER: Record<SortKey['direction'], After> = {
  asc: (column, value, next) =>
    value === null
      ? sql`(${isNotNull(column)} or ${next})`
      : sql`(${gte(column, value)} and (${gt(column, value)} or ${next}))`,
  desc: (column, value, next) => {
    if (value === null) return sql`(${isNull(column)} and ${next})`
    const lower = sql`(${lte(column, value)} and (${lt(column, value)} or ${next}))`
    return column.notNull ? lower : sql`(${lower} or ${isNull(column)})`
  },
}
