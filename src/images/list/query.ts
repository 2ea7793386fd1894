import { MEMBER_STATUSES, VISIBILITIES } from '../../../schema/tables.ts'
import { HeliostatError } from '../../errors.ts'
import { type ListLimits, parseInteger, parseLimit } from '../../paging.ts'
import {
  parseBoolean,
  parseBound,
  parseTextTest,
  parseTimeTest,
  type TimeTest,
} from './filter-values.ts'
import { parseSorting, type SortKey } from './sorting.ts'

/** What the query string of an image list asks for. */
export interface ListQuery {
  /** Already clamped to the greatest page that is allowed; 0 asks for an empty page. */
  limit: number
  /** The id after which the page starts, not yet known to exist. */
  marker: string | null
  sort: SortKey[]
  filters: Filters
}

export interface Filters {
  hidden: boolean
  /** `none` can match no image; `null` leaves it to what the viewer usually sees. */
  visibility: (typeof VISIBILITIES)[number] | 'all' | 'none' | null
  memberStatus: (typeof MEMBER_STATUSES)[number] | 'all'
  /** An image must meet every one of them. */
  terms: Term[]
}

const OPERATED_COLUMNS = ['name', 'id', 'status', 'container_format', 'disk_format'] as const
const PLAIN_COLUMNS = ['owner', 'checksum', 'os_hash_algo', 'os_hash_value'] as const
const NUMBER_COLUMNS = ['size', 'virtual_size', 'min_ram', 'min_disk'] as const
const TIME_COLUMNS = ['created_at', 'updated_at'] as const

type TextColumn = (typeof OPERATED_COLUMNS | typeof PLAIN_COLUMNS)[number]
type NumberColumn = (typeof NUMBER_COLUMNS)[number]

/** One thing asked of an image. An empty `values` can match nothing. */
export type Term =
  | { kind: 'text'; column: TextColumn; values: string[] }
  | { kind: 'number'; column: NumberColumn; values: number[] }
  /** Nobody can ask for it; lists do themselves. */
  | { kind: 'absent'; column: TextColumn | NumberColumn }
  | { kind: 'range'; column: NumberColumn; bound: 'min' | 'max'; value: number }
  | ({ kind: 'time'; column: (typeof TIME_COLUMNS)[number] } & TimeTest)
  | { kind: 'protected'; value: boolean }
  | { kind: 'tag'; value: string }
  | { kind: 'property'; name: string; value: string }

type TermParser = [parameter: string, parse: (value: string) => Term]

const TERM_PARSERS = new Map<string, TermParser[1]>([
  ...OPERATED_COLUMNS.map((column): TermParser => [
    column,
    (value) => ({ kind: 'text', column, values: parseTextTest(value) }),
  ]),
  ...PLAIN_COLUMNS.map((column): TermParser => [
    column,
    (value) => ({ kind: 'text', column, values: [value] }),
  ]),
  ...NUMBER_COLUMNS.flatMap((column): TermParser[] => [
    [column, (value) => ({ kind: 'number', column, values: parseNumbers(value) })],
    [`${column}_min`, (text) => ({ kind: 'range', column, bound: 'min', value: parseBound(text) })],
    [`${column}_max`, (text) => ({ kind: 'range', column, bound: 'max', value: parseBound(text) })],
  ]),
  ...TIME_COLUMNS.map((column): TermParser => [
    column,
    (value) => ({ kind: 'time', column, ...parseTimeTest(column, value) }),
  ]),
  ['protected', (value) => ({ kind: 'protected', value: parseBoolean('protected', value) })],
])

/** Parameters that are no term: they have a place of their own, or (`deleted`) no effect. */
const OTHER_PARAMETERS = new Set([
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
  'deleted',
  'os_hidden',
  'visibility',
  'member_status',
  'tag',
])

/** SQLite refuses conditions that are nested 1000 deep, which a chain of that many terms is. */
const MAX_TERMS = 256

/** Reads the query string of an image list; throws `invalid` for whatever in it makes no sense. */
export function parseListQuery(params: URLSearchParams, options: ListLimits): ListQuery {
  // Built from the pairs in order, so of a repeated parameter the last value counts.
  const values = new Map(params)
  const limit = parseLimit(values.get('limit')) ?? options.limit_param_default
  return {
    limit: Math.min(limit, options.api_limit_max),
    marker: values.get('marker') ?? null,
    sort: parseSorting(params),
    filters: {
      hidden: parseHidden(values.get('os_hidden') ?? 'false'),
      visibility: parseVisibility(values.get('visibility')),
      memberStatus: parseMemberStatus(values.get('member_status')),
      terms: parseTerms(values, params.getAll('tag')),
    },
  }
}

/** Unlike `protected`, this one has always been accepted in any case. */
function parseHidden(text: string): boolean {
  return parseBoolean('os_hidden', text, text.toLowerCase())
}

function parseVisibility(text: string | undefined): Filters['visibility'] {
  if (text === undefined) return null
  if (text === '') return 'none'
  const visibility = [...VISIBILITIES, 'all' as const].find((known) => known === text)
  if (visibility === undefined) {
    throw new HeliostatError('invalid', `Invalid visibility value: ${text}`)
  }
  return visibility
}

function parseMemberStatus(text: string | undefined): Filters['memberStatus'] {
  if (text === undefined) return 'accepted'
  const status = [...MEMBER_STATUSES, 'all' as const].find((known) => known === text)
  if (status === undefined) throw new HeliostatError('invalid', `Invalid status: ${text}`)
  return status
}

function parseTerms(values: Map<string, string>, tags: string[]): Term[] {
  if (values.has('changes-since')) {
    throw new HeliostatError('invalid', 'The "changes-since" filter is no longer available on v2.')
  }
  const terms = [
    ...tags.map((value): Term => ({ kind: 'tag', value })),
    ...[...values].filter(([name]) => !OTHER_PARAMETERS.has(name)).map(parseTerm),
  ]
  if (terms.length > MAX_TERMS) {
    throw new HeliostatError('invalid', `Too many filters, at most ${MAX_TERMS} are allowed`)
  }
  return terms
}

/** A name that is no base property is a custom one, `size_minimum` and `members` included. */
function parseTerm([name, value]: [name: string, value: string]): Term {
  return TERM_PARSERS.get(name)?.(value) ?? { kind: 'property', name, value }
}

/** Something that is no number equals no number, which is not an error. */
function parseNumbers(text: string): number[] {
  const value = parseInteger(text)
  return value === null ? [] : [value]
}
