import { LIST_KEYS, type ListKey } from '../../../schema/tables.ts'
import { HeliostatError } from '../../errors.ts'

const DIRECTIONS = ['asc', 'desc'] as const

type Direction = (typeof DIRECTIONS)[number]

export interface SortKey {
  key: ListKey
  direction: Direction
}

/** The complete order that a list asks for. As it holds `id`, no two images are equal in it. */
export function parseSorting(params: URLSearchParams): SortKey[] {
  const asked = params.has('sort') ? parseCombined(params) : parseSeparate(params)
  const [first, ...others] = asked.directions
  const tie = first !== undefined && others.length === 0 ? first : 'desc'
  const order = [
    ...asked.keys.map((key, index) => ({ key, direction: asked.directions[index] ?? tie })),
    { key: 'created_at' as const, direction: tie },
    { key: 'id' as const, direction: tie },
  ]
  return order.filter(({ key }, index) => order.findIndex((other) => other.key === key) === index)
}

interface AskedOrder {
  keys: SortKey['key'][]
  /** One for each key, one for all of them, or none. */
  directions: Direction[]
}

/** `sort=name:asc,size` */
function parseCombined(params: URLSearchParams): AskedOrder {
  if (params.has('sort_key') || params.has('sort_dir')) {
    throw new HeliostatError('invalid', 'Old and new sorting syntax cannot be combined')
  }
  const pairs = params.getAll('sort').flatMap((list) => list.split(',').map(parsePair))
  return {
    keys: pairs.map(({ key }) => key),
    directions: pairs.map(({ direction }) => direction),
  }
}

function parsePair(text: string): SortKey {
  const [, key = '', direction] = /^([^:]*)(?::(.+))?/.exec(text) ?? []
  return { key: parseKey(key), direction: parseDirection(direction ?? 'desc') }
}

/** `sort_key=name&sort_dir=asc&sort_key=size&sort_dir=desc` */
function parseSeparate(params: URLSearchParams): AskedOrder {
  const keys = params.getAll('sort_key').map(parseKey)
  const directions = params.getAll('sort_dir').map(parseDirection)
  if (directions.length > 1 && directions.length !== keys.length) {
    throw new HeliostatError(
      'invalid',
      'Number of sort dirs does not match the number of sort keys',
    )
  }
  return { keys: keys.length === 0 ? ['created_at'] : keys, directions }
}

function parseKey(text: string): SortKey['key'] {
  const key = LIST_KEYS.find((known) => known === text.trim())
  if (key === undefined) {
    throw new HeliostatError(
      'invalid',
      `Invalid sort key: ${text.trim()}. It must be one of the following: ${LIST_KEYS.join(', ')}.`,
    )
  }
  return key
}

function parseDirection(text: string): Direction {
  const direction = DIRECTIONS.find((known) => known === text.trim())
  if (direction === undefined) {
    throw new HeliostatError('invalid', `Invalid sort direction: ${text.trim()}`)
  }
  return direction
}
