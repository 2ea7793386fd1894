import { METADEF_VISIBILITIES } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { type ListLimits, parseLimit } from '../paging.ts'
import type { Contents } from '../registry/metadef-contents.ts'
import { absent } from './kinds.ts'

const DIRECTIONS = ['asc', 'desc'] as const

const NAMESPACE_SORT_KEYS = [
  'namespace',
  'display_name',
  'description',
  'visibility',
  'protected',
  'owner',
  'created_at',
  'updated_at',
  'id',
] as const

const TAG_SORT_KEYS = ['name', 'created_at', 'updated_at', 'id'] as const

/** What the query string of a namespace list asks for. */
export interface NamespaceQuery {
  /** Already clamped to the greatest page that is allowed; 0 asks for an empty page. */
  limit: number
  /** The name after which the page starts, not yet known to exist. */
  marker: string | null
  sortKey: (typeof NAMESPACE_SORT_KEYS)[number]
  sortDirection: (typeof DIRECTIONS)[number]
  visibility: (typeof METADEF_VISIBILITIES)[number] | null
  /** A namespace must be associated with one of them. */
  resourceTypes: string[] | null
}

/** Throws `invalid` for a value that makes no sense; other parameters mean nothing. */
export function parseNamespaceQuery(params: URLSearchParams, options: ListLimits): NamespaceQuery {
  const limit = parseLimit(params.get('limit')) ?? options.limit_param_default
  return {
    limit: Math.min(limit, options.api_limit_max),
    marker: params.get('marker'),
    sortKey: parseSortKey(params, NAMESPACE_SORT_KEYS),
    sortDirection: parseDirection(params),
    visibility: parseVisibility(params.get('visibility')),
    resourceTypes: params.get('resource_types')?.split(',') ?? null,
  }
}

/** One page of tags, the newest first unless the query string asks for another order [400], after its marker [404]. */
export function pageOfTags(tags: Contents['tags'], params: URLSearchParams): Contents['tags'] {
  const limit = parseLimit(params.get('limit')) ?? tags.length
  const key = parseSortKey(params, TAG_SORT_KEYS)
  const sign = parseDirection(params) === 'asc' ? 1 : -1
  const sorted = tags
    .map((tag, id) => ({ ...tag, id }))
    .toSorted(
      (a, b) =>
        sign * (compare(a[key], b[key]) || compare(a.created_at, b.created_at) || a.id - b.id),
    )
  const marker = params.get('marker')
  const start = marker ? sorted.findIndex(({ name }) => name === marker) + 1 : 0
  if (marker && start === 0) throw absent('tags', marker)
  return sorted.slice(start, start + limit)
}

/** Objects come in one page whatever the limit is, if it is one [400]. */
export function refuseBadLimit(params: URLSearchParams): void {
  if (parseLimit(params.get('limit')) === 0)
    throw new HeliostatError('invalid', 'limit param must be positive')
}

function parseSortKey<Key extends string>(params: URLSearchParams, keys: readonly Key[]): Key {
  const text = params.get('sort_key') ?? 'created_at'
  const key = keys.find((known) => known === text)
  if (key !== undefined) return key
  throw new HeliostatError(
    'invalid',
    `Invalid sort key: ${text}. It must be one of the following: ${keys.join(', ')}.`,
  )
}

function parseDirection(params: URLSearchParams): (typeof DIRECTIONS)[number] {
  const text = params.get('sort_dir') ?? 'desc'
  const direction = DIRECTIONS.find((known) => known === text)
  if (direction !== undefined) return direction
  throw new HeliostatError('invalid', `Invalid sort direction: ${text}`)
}

function parseVisibility(text: string | null): NamespaceQuery['visibility'] {
  if (text === null) return null
  const visibility = METADEF_VISIBILITIES.find((known) => known === text)
  if (visibility !== undefined) return visibility
  throw new HeliostatError('invalid', `Invalid visibility value: ${text}`)
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : Number(a > b)
}
