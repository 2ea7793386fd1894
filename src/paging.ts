/** The pages of every list: how long they are, and the links that lead through them. */
import { HeliostatError } from './errors.ts'

/** Names follow the configuration options they come from. */
export interface ListLimits {
  limit_param_default: number
  api_limit_max: number
}

/** The `limit` of a query string; null where it has none. Anything but a whole number is refused [400]. */
export function parseLimit(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null
  const limit = parseInteger(text)
  if (limit === null) throw new HeliostatError('invalid', 'limit param must be an integer')
  if (limit < 0) throw new HeliostatError('invalid', 'limit param must be positive')
  return limit
}

const INTEGER = /^\s*[+-]?\d+\s*$/

/** An integer, or `null`. One that a double cannot hold exactly becomes the nearest that it can. */
export function parseInteger(text: string): number | null {
  if (!INTEGER.test(text)) return null
  const value = Number(text)
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))
}

/** The links that lead through a list, as a path and a query. */
export interface ListLinks {
  first: string
  next?: string
}

/**
 * `lastId` is the last entry of a full page, or `null` if no page follows. Every other parameter is
 * kept as often and in the order it was sent: without a repeated `tag`, page 2 would be a page of
 * another list.
 */
export function listLinks(path: string, params: URLSearchParams, lastId: string | null): ListLinks {
  const query = new URLSearchParams(params)
  query.delete('marker')
  const first = query.size === 0 ? path : `${path}?${query}`
  if (lastId === null) return { first }

  query.set('marker', lastId)
  return { first, next: `${path}?${query}` }
}
