import type { Config } from '../config.ts'
import { readLimited } from '../http/body.ts'
import { answerWithin } from '../http/deadline.ts'
import type { Fetch } from '../http/fetch.ts'

const MAX_ANSWER = 1024 * 1024

/** With `system_scope` this service logs in for the whole deployment, otherwise for the project that is configured. */
export type KeystoneOptions = Config['keystone_authtoken'] & { system_scope?: 'all' }

export interface KeystoneRequest {
  method?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
}

export interface KeystoneAnswer {
  status: number
  headers: Headers
  /** The JSON of a 2xx answer; null for any other. */
  body: unknown
}

/** Sends a request to a path below `/v3`. Throws when there is no answer in time, or one that says nothing (5xx). */
export type Send = (path: string, request: KeystoneRequest) => Promise<KeystoneAnswer>

/** Where Keystone is, and how many seconds it has for an answer. */
type Address = Pick<KeystoneOptions, 'auth_url' | 'http_connect_timeout'>

export function createSend(options: Address, fetch: Fetch): Send {
  const root = `${(options.auth_url ?? '').replace(/\/v3$/, '')}/v3`

  async function sendOnce(path: string, request: KeystoneRequest): Promise<KeystoneAnswer> {
    const { method = 'GET', headers, body } = request
    const ask = (signal: AbortSignal) =>
      fetch(`${root}${path}`, {
        method,
        headers: { Accept: 'application/json', 'Content-Type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would take the tokens elsewhere.
        redirect: 'manual',
        signal,
      })
    const response = await answerWithin({ total: options.http_connect_timeout * 1000 }, ask)
    const bytes = await readLimited(response.body, MAX_ANSWER)
    if (saysNothing(response)) throw new Error(`status ${response.status}`)
    return {
      status: response.status,
      headers: response.headers,
      body: response.ok ? parse(bytes) : null,
    }
  }

  return async function send(path, request) {
    try {
      return await sendOnce(path, request)
    } catch (error) {
      // The failure of an old connection, which Keystone closed while it was idle.
      if (!(error instanceof TypeError)) throw error
      return sendOnce(path, request)
    }
  }
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

/** Neither about the token nor about the caller: redirects, an overloaded Keystone or a broken one. */
function saysNothing({ ok, status }: Response): boolean {
  return !ok && (status < 400 || status === 429 || status >= 500)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    // The parser's own message would quote the text.
    throw new Error('an answer that is no JSON')
  }
}
