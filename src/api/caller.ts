import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import type { Identify } from '../identity/caller.ts'
import type { Env } from './context.ts'

const UNKNOWN_CALLER =
  'This server could not verify that you are authorized to access the document you requested. ' +
  'Send the token of a known user in X-Auth-Token'

/** Finds out who is calling before anything of the request is looked at [401]. */
export function requireCaller(identify: Identify) {
  return createMiddleware<Env>(async function requireCallerMiddleware(context, next) {
    const caller = await identify({
      headers: context.req.raw.headers,
      // Hono leaves env undefined where a test calls app.request() without one.
      peerAddress: context.env?.peerAddress ?? null,
    })
    if (!caller) {
      throw new HeliostatError('unauthenticated', UNKNOWN_CALLER, {
        headers: { 'WWW-Authenticate': 'Token realm="heliostat"' },
      })
    }
    context.set('caller', caller)
    await next()
  })
}
