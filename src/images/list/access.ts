/** The ways to the images of a list: through which index, and what has to be looked at image by image. */
import { LIST_KEYS, listIndex, type ListKey, VISIBILITIES } from '../../../schema/tables.ts'
import { all, type Fragment, fragment, raw } from '../../registry/fragment.ts'
import { listedCondition, termCondition } from './filters.ts'
import { isIndexed, type MarkerRow } from './order.ts'
import type { Term } from './query.ts'
import type { SortKey } from './sorting.ts'

/** Ways of one list into an index, of which each is one more row of images to merge. */
const MOST_WAYS = 8

/** A row of images in the order of the list. */
export interface Access {
  key: ListKey
  /** Conditions that the index of the key serves; no image meets two of them. */
  ways: Fragment[]
  /** What else an image has to meet, which the index does not know. */
  checks: Fragment[]
  sort: SortKey[]
  /** Whether the index has the images in this order, so that a page is read without one that is not on it. */
  isOrdered: boolean
}

/** The images in the order of the list, whatever is asked of them, which is one equality with each key at the most. */
export function accessInOrder(terms: Term[], asked: SortKey[], marker: MarkerRow | null): Access {
  const sort = meaningful(terms, asked, marker)
  const [first] = sort
  const equal = first?.key === 'created_at' ? EQUALITY_KEYS.find(isAskedIn(terms)) : undefined
  const key = equal ?? first?.key ?? 'id'
  const served = terms.filter((term) => isServed(term, key, first))
  const bounds = served.filter((term) => !isEquality(term)).map(termCondition)
  const values = served.filter(isEquality).flatMap(eachOf)
  return {
    key,
    ways: (values.length > 0 ? values : [raw('true')]).map((value) => all([value, ...bounds])),
    checks: terms.filter((term) => !served.includes(term)).map(termCondition),
    sort,
    isOrdered: isIndexed(sort),
  }
}

/** What decides the order: neither what is behind the id, nor a key in which all images are equal. */
function meaningful(terms: Term[], sort: SortKey[], marker: MarkerRow | null): SortKey[] {
  const last = sort.findIndex(({ key }) => key === 'id')
  return sort.slice(0, last + 1).filter(({ key }) => {
    const [value, ...others] = terms.filter(isEqualityOf(key)).flatMap(valuesOf)
    if (value === undefined || others.length > 0) return true
    return marker !== null && marker[key] !== value
  })
}

type EqualityKey = 'name' | 'size' | 'disk_format' | 'container_format' | 'status'
type Equality = Extract<Term, { kind: 'text' | 'number' | 'absent' }> & { column: EqualityKey }

/** Those that tell most images apart come first. */
const EQUALITY_KEYS: EqualityKey[] = ['name', 'size', 'disk_format', 'container_format', 'status']

function isEquality(term: Term): term is Equality {
  if (term.kind !== 'text' && term.kind !== 'number' && term.kind !== 'absent') return false
  if (!EQUALITY_KEYS.some((key) => key === term.column)) return false
  return term.kind === 'absent' || term.values.length <= MOST_WAYS
}

/** What is asked for, of images that are equal to one that fulfils it in a key: that equality is all that is left of what is asked of the key. */
export function narrowedTo(terms: Term[], image: MarkerRow, key: ListKey): Term[] {
  const isOfKey = isEqualityOf(key)
  return [...terms.filter((term) => !isOfKey(term)), equalTo(image, key)]
}

function isEqualityOf(key: ListKey) {
  return (term: Term): term is Equality => isEquality(term) && term.column === key
}

function isAskedIn(terms: Term[]) {
  return (key: ListKey) => terms.some(isEqualityOf(key))
}

/** Whether the index of the key leads to what the term asks for, and only to that, without spoiling the order. */
function isServed(term: Term, key: ListKey, first: SortKey | undefined): boolean {
  if (isEquality(term)) return term.column === key
  if (term.kind !== 'range' && term.kind !== 'time') return false
  return term.column === key || (term.column === 'created_at' && first?.key === 'created_at')
}

function valuesOf(term: Equality): (string | number | null)[] {
  return term.kind === 'absent' ? [null] : [...new Set<string | number>(term.values)]
}

function eachOf(term: Equality): Fragment[] {
  const column = raw(`images.${term.column}`)
  return valuesOf(term).map((value) =>
    value === null ? fragment`${column} IS NULL` : fragment`${column} = ${value}`,
  )
}

/** What the images have in common that are equal to one of them in a key, which is no time. */
function equalTo(image: MarkerRow, key: ListKey): Term {
  if (key === 'created_at' || key === 'updated_at') {
    throw new RangeError(`Got the key "${key}", in which few images are equal, wanted another one`)
  }
  if (key === 'size') {
    return image.size === null
      ? { kind: 'absent', column: key }
      : { kind: 'number', column: key, values: [image.size] }
  }
  const value = image[key]
  return value === null
    ? { kind: 'absent', column: key }
    : { kind: 'text', column: key, values: [value] }
}

const ANY = raw(VISIBILITIES.map((visibility) => `'${visibility}'`).join(', '))

/** Images that something asked for is true of, which are looked up and then sorted: of use where they are few. */
export interface Candidates {
  key: ListKey
  condition: Fragment
  /** A select of a row each. */
  rows: Fragment
}

/** Every set of candidates that an index leads to. */
export function candidatesOf(terms: Term[], hidden: boolean): Candidates[] {
  return terms.flatMap((term) => candidatesOfTerm(term, hidden) ?? [])
}

function isListKey(column: string): column is ListKey {
  return LIST_KEYS.some((key) => key === column)
}

function candidatesOfTerm(term: Term, hidden: boolean): Candidates | null {
  if (term.kind === 'protected') return null
  if (term.kind === 'tag') {
    return byId(fragment`SELECT image_id FROM image_tags WHERE value = ${term.value}`)
  }
  if (term.kind === 'property') {
    return byId(fragment`SELECT image_id FROM image_properties
      WHERE name = ${term.name} AND value = ${term.value}`)
  }
  const condition = termCondition(term)
  if (term.column === 'checksum' || term.column === 'os_hash_value') {
    return byId(fragment`SELECT images.id FROM images
      WHERE ${listedCondition(hidden)} AND ${condition}`)
  }
  if (!isListKey(term.column)) return null
  const index = raw(listIndex('visibility', term.column))
  const rows = fragment`SELECT 1 FROM images INDEXED BY ${index}
    WHERE ${listedCondition(hidden)} AND images.visibility IN (${ANY}) AND ${condition}`
  return { key: term.column, condition, rows }
}

function byId(rows: Fragment): Candidates {
  return { key: 'id', condition: fragment`images.id IN (${rows})`, rows }
}
