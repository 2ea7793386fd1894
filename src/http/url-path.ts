/** The path of an absolute URL as it was sent: without the query, with its escapes. */
export function urlPath(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start < 0) return '/'
  let end = url.indexOf('?', start)
  if (end < 0) end = url.indexOf('#', start)
  return url.slice(start, end < 0 ? undefined : end)
}
