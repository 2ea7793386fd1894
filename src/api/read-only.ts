import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { Env } from './context.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS']

/** What lies at this site is this site's own business. */
const ABOUT_THIS_SITE = /^\/v2\/(cache|cached_images|queued_images)(\/|$)/

/** An edge changes nothing by itself: whoever wants a change is told where to go [403]. */
export function refuseWrites(origin: string): MiddlewareHandler<Env> {
  return createMiddleware<Env>(async function refuseWritesMiddleware(context, next) {
    const { method } = context.req
    if (!SAFE.includes(method) && !ABOUT_THIS_SITE.test(context.req.path)) {
      throw new HeliostatError(
        'forbidden',
        `This site is a read-only mirror, so ${method} is done at its origin: ${origin}`,
      )
    }
    await next()
  })
}
