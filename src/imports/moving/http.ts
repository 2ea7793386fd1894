import type { z } from 'zod'
import { describeIssue } from '../../../schema/describe-issue.ts'
import { type JsonBounds, parseBounded } from '../../bounded-json.ts'
import { ask, attempt, PassingFailure } from '../../blobs/remote/attempts.ts'
import { PATIENCE } from '../../blobs/remote/patience.ts'
import { HeliostatError } from '../../errors.ts'
import { readLimited } from '../../http/body.ts'
import type { Limit } from '../../http/deadline.ts'
import type { Fetch } from '../../http/fetch.ts'
import type { ServiceToken } from '../../identity/service-token.ts'
import { reasonOf } from '../../reason.ts'

/** A page of images, whose properties may be long. */
const MAX_DOCUMENT = 64 << 20
const BOUNDS: JsonBounds = { values: 2_000_000, width: 20_000, depth: 64 }
const DOCUMENT: Limit = { total: 120_000 }

/** The token that requests are made with; one that has expired is renewed. */
export type SourceTokens = Pick<ServiceToken, 'get' | 'renew'>

export interface SourceHttpParts {
  /** Where Glance is, without `/v2` and without a slash at its end. */
  root: string
  /** Null for a Glance that asks nobody who he is. */
  tokens: SourceTokens | null
  fetch: Fetch
}

export interface SourceRequest {
  headers?: Record<string, string>
  limit?: Limit
  signal: AbortSignal
}

/** Requests to another Glance, each made again where it fails in passing. */
export interface SourceHttp {
  readonly root: string
  /** An answer of any status that says something. Throws [401] where no token helps. */
  get(path: string, request: SourceRequest): Promise<Response>
  /** A document; null where there is none [404]. Throws `StatusError` for any other refusal. */
  read(path: string, signal: AbortSignal): Promise<unknown>
}

/** What a Glance refuses. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: number

  constructor(path: string, status: number) {
    super(`The source answers ${status} to ${path}`)
    this.status = status
  }
}

export function createSourceHttp({ root, tokens, fetch }: SourceHttpParts): SourceHttp {
  async function send(
    path: string,
    token: string | null,
    { headers = {}, limit = DOCUMENT, signal }: SourceRequest,
  ): Promise<Response> {
    const sent = {
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      ...headers,
      ...(token !== null && { 'X-Auth-Token': token }),
    }
    // A redirect would take the token elsewhere.
    const init = { method: 'GET', headers: sent, redirect: 'manual' } as const
    return ask(root, limit, (stop) => fetch(root + path, { ...init, signal: stop }), { signal })
  }

  async function sendKnown(path: string, request: SourceRequest): Promise<Response> {
    if (!tokens) return send(path, null, request)
    const token = await passing(tokens.get())
    const response = await send(path, token, request)
    if (response.status !== 401) return response
    await response.body?.cancel()
    return send(path, await passing(tokens.renew(token)), request)
  }

  async function sendPermitted(path: string, request: SourceRequest): Promise<Response> {
    const response = await sendKnown(path, request)
    if (response.status !== 401) return response
    await response.body?.cancel()
    const wanted = tokens ? 'another token' : 'a token: --token-file, OS_TOKEN or OS_AUTH_URL'
    throw new HeliostatError('unauthenticated', `${root} answers 401: it wants ${wanted}`)
  }

  async function readOnce(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await sendPermitted(path, { signal })
    if (response.ok) return parse(path, await wholeBody(path, response))
    await response.body?.cancel()
    if (response.status === 404) return null
    throw new StatusError(path, response.status)
  }

  return {
    root,
    get: (path, request) => attempt(PATIENCE, () => sendPermitted(path, request), request.signal),
    read: (path, signal) => attempt(PATIENCE, () => readOnce(path, signal), signal),
  }
}

/** What breaks off within it is asked for again. */
async function wholeBody(path: string, { body }: Response): Promise<Uint8Array> {
  try {
    return await readLimited(body, MAX_DOCUMENT)
  } catch (error) {
    if (error instanceof HeliostatError) throw error
    throw new PassingFailure(`The answer to ${path} broke off: ${reasonOf(error)}`)
  }
}

function parse(path: string, bytes: Uint8Array): unknown {
  try {
    return parseBounded(new TextDecoder().decode(bytes), BOUNDS)
  } catch (error) {
    throw new HeliostatError('unavailable', `The answer to ${path} is no use: ${reasonOf(error)}`)
  }
}

/** Keystone may be away for a moment; what it refuses it will refuse again. */
async function passing(token: Promise<string>): Promise<string> {
  try {
    return await token
  } catch (error) {
    if (error instanceof HeliostatError) throw error
    throw new PassingFailure(`Keystone gives no token: ${reasonOf(error)}`)
  }
}

/** A document of a known shape; null is one that is not there. */
export function requireShape<T>(shape: z.ZodType<T>, document: unknown, what: string): T {
  if (document === null) {
    throw new HeliostatError(
      'not-found',
      `The source has no list of ${what} [404]: is it a Glance?`,
    )
  }
  const parsed = shape.safeParse(document)
  if (parsed.success) return parsed.data
  throw new HeliostatError(
    'unavailable',
    `The source's list of ${what} cannot be read: ${describeIssue(parsed.error)}`,
  )
}
