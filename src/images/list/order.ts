import type { images } from '../../../schema/tables.ts'
import { type Fragment, fragment, raw } from '../../registry/fragment.ts'
import type { SortKey } from './sorting.ts'

/** The columns that an order can depend on. */
export type MarkerRow = Pick<typeof images.$inferSelect, SortKey['key']>

/** The terms of an ORDER BY. */
export function orderBy(sort: SortKey[]): Fragment {
  return raw(sort.map(({ key, direction }) => `${key} ${direction}`).join(', '))
}

/**
 * Whether an index of lists has the images in this order. Those that are equal in a time are few, so that the rest of
 * the order does not matter then.
 */
export function isIndexed([first, second, ...others]: SortKey[]): boolean {
  if (!first || !second || isNearlyUnique(first)) return true
  return isCreationOf(first, second) && others.every(({ key }) => key === 'id')
}

function isNearlyUnique({ key }: SortKey): boolean {
  return key === 'id' || key === 'created_at' || key === 'updated_at'
}

function isCreationOf(first: SortKey, { key, direction }: SortKey): boolean {
  return key === 'created_at' && direction === first.direction
}

/**
 * Holds for the images after the marker, NULL being less than every value: for each of them one of the conditions
 * does. With each of them SQLite starts at the marker in an index that has the images in order.
 */
export function afterMarker(sort: SortKey[], marker: MarkerRow): Fragment[] {
  const [first, second] = sort
  if (!first) return []
  const { key, direction } = first
  const value = marker[key]
  const column = raw(`images.${key}`)
  if (value === null) {
    const equal = markerCondition(sort.slice(1), marker)
    const ofNull = fragment`${column} IS NULL AND ${equal}`
    return direction === 'asc' ? [ofNull, fragment`${column} IS NOT NULL`] : [ofNull]
  }
  const isPair = second && sort.length === 3 && isCreationOf(first, second)
  const after = isPair ? afterPair(sort, marker) : afterValue(sort, marker)
  return direction === 'desc' && isNullable(key) ? [after, fragment`${column} IS NULL`] : [after]
}

function isNullable(key: SortKey['key']): boolean {
  return key === 'name' || key === 'size' || key === 'disk_format' || key === 'container_format'
}

/** Many images can be equal in the first key, so that the index has to be entered by the second too. */
function afterPair(sort: SortKey[], marker: MarkerRow): Fragment {
  const [first = NONE] = sort
  const [value, created] = [marker[first.key], marker.created_at]
  const [byKey = NEVER, byCreation = NEVER, byId = NEVER] = sort.map(
    (one) => fragment`images.${raw(one.key)} ${signOf(one)} ${marker[one.key]}`,
  )
  return fragment`(images.${raw(first.key)}, images.created_at) ${signOf(first)}= (${value}, ${created})
    AND (${byKey} OR ${byCreation} OR ${byId})`
}

const NONE: SortKey = { key: 'id', direction: 'asc' }
const NEVER = raw('false')

function signOf({ direction }: SortKey): Fragment {
  return raw(direction === 'asc' ? '>' : '<')
}

/** Holds for the images after the marker. */
export function markerCondition(sort: SortKey[], marker: MarkerRow): Fragment {
  const [first, ...others] = sort
  if (!first) return NEVER
  const { key, direction } = first
  const column = raw(`images.${key}`)
  const next = markerCondition(others, marker)
  if (marker[key] === null) {
    return direction === 'asc'
      ? fragment`(${column} IS NOT NULL OR ${next})`
      : fragment`(${column} IS NULL AND ${next})`
  }
  const after = fragment`(${afterValue(sort, marker)})`
  return direction === 'desc' && isNullable(key) ? fragment`(${after} OR ${column} IS NULL)` : after
}

/**
 * `a <= x and (a < x or …)` rather than `a < x or (a = x and …)`: both say the same, but only for the first does SQLite
 * start in the middle of an index. For a value that is not NULL.
 */
function afterValue([first = NONE, ...others]: SortKey[], marker: MarkerRow): Fragment {
  const column = raw(`images.${first.key}`)
  const value = marker[first.key]
  const sign = signOf(first)
  return fragment`${column} ${sign}= ${value} AND (${column} ${sign} ${value}
    OR ${markerCondition(others, marker)})`
}
