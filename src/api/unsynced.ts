import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { EdgeStatus } from '../mirror/edge-status.ts'
import type { Env } from './context.ts'

/** What does not depend on what the origin has. */
const ALWAYS_KNOWN = /^\/v2\/schemas(\/|$)/

/** Within so many seconds an origin that is there has told of thousands of images. */
const RETRY_SECONDS = '5'

/** An edge that has had no snapshot yet knows of no image: it must not say that there is none [503]. */
export function requireSnapshot({
  hasSnapshot,
}: Pick<EdgeStatus, 'hasSnapshot'>): MiddlewareHandler<Env> {
  return createMiddleware<Env>(async function requireSnapshotMiddleware(context, next) {
    if (!ALWAYS_KNOWN.test(context.req.path) && !(await hasSnapshot())) {
      throw new HeliostatError(
        'unavailable',
        'This site is a mirror that has not yet heard from its origin which images there are: try again later',
        { headers: { 'Retry-After': RETRY_SECONDS } },
      )
    }
    await next()
  })
}
