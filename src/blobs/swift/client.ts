import { answerWithin } from '../../http/deadline.ts'
import type { Fetch } from '../../http/fetch.ts'
import { allowanceFor, type Patience, pauseBefore, persist } from '../remote/patience.ts'
import { sendable } from '../remote/wire.ts'
import { brokenBy, type Context, hasStatus, refusalOf, SwiftError } from './failure.ts'
import { type Access, createLogin } from './login.ts'
import type { SwiftOptions } from './settings.ts'

export interface SwiftRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  container: string
  /** Null for the container itself. */
  key: string | null
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array
  /** Bytes of the answer that have to come each time, where these are fewer than usual. */
  least?: number
  signal?: AbortSignal
}

/** Requests to one account. */
export interface SwiftClient {
  /**
   * What `use` makes of the answer, if that is a good one [2xx]. All of it is done again where that may help. Throws a
   * SwiftError.
   */
  ask<T>(purpose: string, request: SwiftRequest, use: Use<T>): Promise<T>
  /** The same; null where there is no such object, in a container that is there or that a chunk will create. */
  askIfPresent<T>(purpose: string, request: SwiftRequest, use: Use<T>): Promise<T | null>
}

type Use<T> = (response: Response, context: Context) => Promise<T>

export function createSwiftClient(
  options: SwiftOptions,
  fetch: Fetch,
  patience: Patience,
): SwiftClient {
  const login = createLogin(options, fetch, patience)
  const send = createSend(fetch, patience)

  /** Once more with a new token, where the one before is no longer taken. */
  async function exchange(request: SwiftRequest, access: Access): Promise<Response> {
    const response = await send(request, access)
    if (response.status !== 401) return response
    await response.body?.cancel()
    return send(request, await login.renew(access))
  }

  async function attempt<T>(purpose: string, request: SwiftRequest, use: Use<T>): Promise<T> {
    const access = await login.get()
    const { container, key } = request
    const context = { purpose, server: new URL(access.url).origin, container, key }
    try {
      const response = await exchange(request, access)
      if (!response.ok) throw await refusalOf(response, context)
      return await use(response, context)
    } catch (error) {
      throw error instanceof SwiftError ? error : brokenBy(error, context)
    }
  }

  function pauseAfter(error: unknown, made: number): number | null {
    return error instanceof SwiftError ? pauseBefore(made, error, patience) : null
  }

  async function ask<T>(purpose: string, request: SwiftRequest, use: Use<T>): Promise<T> {
    const { signal, body } = request
    const total = patience.total + allowanceFor(body)
    return persist(() => attempt(purpose, request, use), { signal, total, pauseAfter })
  }

  /** Swift says 404 of an object also where there is no container. */
  async function requireContainer(purpose: string, { container }: SwiftRequest): Promise<void> {
    if (options.swift_store_create_container_on_put) return
    await ask(purpose, { method: 'HEAD', container, key: null }, drain)
  }

  return {
    ask,

    async askIfPresent(purpose, request, use) {
      try {
        return await ask(purpose, request, use)
      } catch (error) {
        if (!hasStatus(error, 404)) throw error
      }
      await requireContainer(purpose, request)
      return null
    },
  }
}

function createSend(fetch: Fetch, { idle, least, head }: Patience) {
  return function send(request: SwiftRequest, { token, url }: Access): Promise<Response> {
    const { method, body, signal } = request
    // What is compressed has another length than is said.
    const headers = {
      ...request.headers,
      ...(body && { 'Content-Length': String(body.length) }),
      'X-Auth-Token': token,
      'Accept-Encoding': 'identity',
    }
    const init = { method, headers, body: body ? sendable(body) : null }
    return answerWithin(
      { head: head + allowanceFor(body), idle, least: request.least ?? least },
      // A redirect would take the token elsewhere.
      (stop) => fetch(url + pathOf(request), { ...init, redirect: 'manual', signal: stop }),
      signal,
    )
  }
}

/** For an answer whose body says nothing; an unread one would keep its connection. */
export async function drain(response: Response): Promise<void> {
  await response.arrayBuffer()
}

function pathOf({ container, key, query }: SwiftRequest): string {
  const parts = [container, ...(key === null ? [] : key.split('/'))]
  // No encoding keeps these from being taken for a way up.
  if (parts.includes('.') || parts.includes('..')) {
    const message =
      'Swift has an object whose name has a part "." or "..", which cannot be asked for'
    throw new SwiftError(message, { isPassing: false })
  }
  const path = parts.map((part) => `/${encodeURIComponent(part)}`).join('')
  return query ? `${path}?${new URLSearchParams(query)}` : path
}
