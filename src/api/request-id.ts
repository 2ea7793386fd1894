import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { Env } from './context.ts'

const HEADER = 'X-Openstack-Request-Id'
const PREFIX = 'req-'

/** Gives every request an id, the caller's own if it has one, and every answer the header that tells it. 0 is no limit. */
export function assignRequestId(maxLength: number): MiddlewareHandler<Env> {
  return createMiddleware<Env>(async function assignRequestIdMiddleware(context, next) {
    const given = context.req.header(HEADER)
    const tooLong = given !== undefined && maxLength > 0 && given.length > maxLength
    const id = given === undefined || tooLong ? `${PREFIX}${crypto.randomUUID()}` : prefixed(given)
    context.set('requestId', id)
    if (tooLong) {
      throw new HeliostatError(
        'headers-too-large',
        `${HEADER} has ${given.length} characters, at most ${maxLength} are allowed`,
      )
    }
    await next()
  })
}

function prefixed(id: string): string {
  return id.startsWith(PREFIX) ? id : PREFIX + id
}
