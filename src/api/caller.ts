import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HeliostatError } from '../errors.ts'
import { ANONYMOUS, type Caller, createCaller, type Identity } from '../identity/caller.ts'
import type { Policy } from '../identity/policy.ts'
import type { Services } from '../services.ts'
import type { Env } from './context.ts'

const UNKNOWN_CALLER =
  'This server could not verify that you are authorized to access the document you requested. ' +
  'Send the token of a known user in X-Auth-Token'

/** Finds out who is calling before anything of the request is looked at [401]. */
export function requireCaller({
  identify,
  challenge,
  config,
  policy,
}: Services): MiddlewareHandler<Env> {
  const allowAnonymous = config.DEFAULT.allow_anonymous_access
  return createMiddleware<Env>(async function requireCallerMiddleware(context, next) {
    const identity = await identify({
      headers: context.req.raw.headers,
      isRepeated: context.env?.isRepeated,
      method: context.req.method,
      path: context.req.path,
      // Hono leaves env undefined where a test calls app.request() without one.
      peerAddress: context.env?.peerAddress ?? null,
    })
    if (!identity && !allowAnonymous) {
      const headers = { 'WWW-Authenticate': challenge }
      throw new HeliostatError('unauthenticated', UNKNOWN_CALLER, { headers })
    }
    const caller = identity ? callerOf(identity, policy) : ANONYMOUS
    if (caller.isAnonymous) refuseWrite(context.req.method)
    context.set('caller', caller)
    await next()
  })
}

function callerOf(identity: Identity, policy: Policy): Caller {
  const target = { owner: identity.projectId, visibility: 'private' }
  const isAdmin = policy.isAllowed('context_is_admin', identity, target)
  return createCaller(identity, isAdmin)
}

function refuseWrite(method: string): void {
  if (method === 'GET' || method === 'HEAD') return
  throw new HeliostatError('forbidden', 'Read-only access: only a known user may change images')
}
