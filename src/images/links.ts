/** The links that lead through a list, as a path and a query. */
export interface ListLinks {
  first: string
  next?: string
}

/**
 * `lastId` is the last image of a full page, or `null` if no page follows. Every other parameter is
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
