import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { Env } from './context.ts'

/** An edge changes nothing by itself: whoever wants a change is told where to go [403]. */
export function refuseWrites(origin: string) {
  return createMiddleware<Env>(async function refuseWritesMiddleware(context, next) {
    const { method } = context.req
    if (!['GET', 'HEAD', 'OPTIONS'].includes(method)) {
      throw new HeliostatError(
        'forbidden',
        `This site is a read-only mirror, so ${method} is done at its origin: ${origin}`,
      )
    }
    await next()
  })
}
