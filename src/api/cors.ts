import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Config } from '../config.ts'
import type { Env } from './context.ts'
import { respond } from './respond.ts'

/** Request headers that a page may send without asking (Fetch, CORS-safelisted), and a few that oslo.middleware adds. */
const SIMPLE_HEADERS = [
  'Accept',
  'Accept-Language',
  'Content-Type',
  'Cache-Control',
  'Content-Language',
  'Expires',
  'Last-Modified',
  'Pragma',
]

/**
 * Tells browsers which pages may use the service, as oslo.middleware does (Fetch, section 3.2). It answers preflights
 * by itself; a page of another origin is served as well, but its browser will not show it the answer.
 */
export function allowOrigins(options: Config['cors']): MiddlewareHandler<Env> {
  return createMiddleware<Env>(async function allowOriginsMiddleware(context, next) {
    const { headers } = context.req.raw
    const origin = headers.get('Origin')
    if (origin === null) return next()
    const allowed = describeOrigin(options, origin)
    if (context.req.method === 'OPTIONS' && headers.has('Access-Control-Request-Method')) {
      const answer = allowed && describePreflight(options, headers)
      return respond(context, null, 200, answer ? { ...allowed, ...answer } : {})
    }
    await next()
    if (allowed) setHeaders(context.res.headers, { ...allowed, ...exposed(options) })
  })
}

type HeaderValues = Record<string, string>

function describeOrigin(options: Config['cors'], origin: string): HeaderValues | null {
  const { allowed_origin, allow_credentials } = options
  if (allowed_origin.includes(origin)) {
    return {
      Vary: 'Origin',
      'Access-Control-Allow-Origin': origin,
      ...(allow_credentials && { 'Access-Control-Allow-Credentials': 'true' }),
    }
  }
  // Browsers refuse credentials together with the asterisk.
  return allowed_origin.includes('*') ? { 'Access-Control-Allow-Origin': '*' } : null
}

/** Null when the method or one of the headers is not allowed. */
function describePreflight(options: Config['cors'], headers: Headers): HeaderValues | null {
  const method = headers.get('Access-Control-Request-Method') ?? ''
  if (!options.allow_methods.includes(method)) return null
  const known = [...SIMPLE_HEADERS, ...options.allow_headers].map((name) => name.toLowerCase())
  const wanted = splitNames(headers.get('Access-Control-Request-Headers') ?? '')
  if (!wanted.every((name) => known.includes(name.toLowerCase()))) return null
  return {
    'Access-Control-Max-Age': String(options.max_age),
    'Access-Control-Allow-Methods': method,
    ...(wanted.length > 0 && { 'Access-Control-Allow-Headers': wanted.join(',') }),
  }
}

function exposed({ expose_headers }: Config['cors']): HeaderValues {
  if (expose_headers.length === 0) return {}
  return { 'Access-Control-Expose-Headers': expose_headers.join(',') }
}

function splitNames(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function setHeaders(headers: Headers, values: HeaderValues): void {
  for (const [name, value] of Object.entries(values)) headers.set(name, value)
}
