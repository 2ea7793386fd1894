import { all, type Fragment, fragment, joined, raw } from '../../registry/fragment.ts'
import type { TimeOperator } from './filter-values.ts'
import type { Filters, Term } from './query.ts'

/** What a list's filters ask of `images`, except who may see what (see `parts.ts`). */
export function filterConditions(filters: Pick<Filters, 'hidden' | 'terms'>): Fragment[] {
  return [listedCondition(filters.hidden), ...filters.terms.map(termCondition)]
}

/** What every list asks for. The indexes of lists have no other images, so the words are theirs. */
export function listedCondition(hidden: boolean): Fragment {
  return fragment`images.os_hidden = ${hidden} AND images.deleted_at IS NULL AND images.status <> 'killed'`
}

export function termCondition(term: Term): Fragment {
  switch (term.kind) {
    case 'text':
    case 'number':
      return among(columnOf(term), term.values)
    case 'absent':
      return fragment`${columnOf(term)} IS NULL`
    case 'range':
      return fragment`${columnOf(term)} ${raw(term.bound === 'min' ? '>=' : '<=')} ${term.value}`
    case 'time':
      return TIME_CONDITIONS[term.operator](columnOf(term), term.second)
    case 'protected':
      return fragment`images.protected = ${term.value}`
    case 'tag':
      return fragment`EXISTS (SELECT 1 FROM image_tags t
        WHERE t.image_id = images.id AND t.value = ${term.value})`
    case 'property':
      return fragment`EXISTS (SELECT 1 FROM image_properties p
        WHERE p.image_id = images.id AND p.name = ${term.name} AND p.value = ${term.value})`
  }
}

function columnOf({ column }: Extract<Term, { column: string }>): Fragment {
  return raw(`images.${column}`)
}

function among(column: Fragment, values: (string | number)[]): Fragment {
  const [first, ...others] = values
  if (first === undefined) return raw('false')
  if (others.length === 0) return fragment`${column} = ${first}`
  const listed = values.map((value) => fragment`${value}`)
  return fragment`${column} IN (${joined(listed, ', ')})`
}

/**
 * Stored times have milliseconds, those of the API whole seconds. So a time equals a second if it
 * lies within it, written as bounds on the bare column, since no index serves a computed value.
 */
const TIME_CONDITIONS: Record<TimeOperator, (column: Fragment, second: number) => Fragment> = {
  eq: (column, second) => all([from(column, second), before(column, second + 1000)]),
  neq: (column, second) => fragment`(${before(column, second)} OR ${from(column, second + 1000)})`,
  gt: (column, second) => from(column, second + 1000),
  gte: from,
  lt: before,
  lte: (column, second) => before(column, second + 1000),
}

function from(column: Fragment, time: number): Fragment {
  return fragment`${column} >= ${time}`
}

function before(column: Fragment, time: number): Fragment {
  return fragment`${column} < ${time}`
}
