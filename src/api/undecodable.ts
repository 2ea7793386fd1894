import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { Env } from './context.ts'

/**
 * Refuses [400] a URL whose percent escapes are not UTF-8, which Hono would pass on as they are. A percent sign that
 * begins no escape means itself.
 */
export const refuseUndecodable = createMiddleware<Env>(
  async function refuseUndecodableMiddleware(context, next) {
    if (context.req.url.includes('%') && !isDecodable(context.req.url)) {
      throw new HeliostatError(
        'invalid',
        'Error decoding your request. Either the URL or the request body contained characters ' +
          'that could not be decoded by Glance',
      )
    }
    await next()
  },
)

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.replace(/%(?![0-9a-f]{2})/gi, '%25'))
    return true
  } catch {
    return false
  }
}
