import { z } from 'zod'
import { readLimited } from '../../http/body.ts'
import type { Fetch } from '../../http/fetch.ts'
import { reasonOf } from '../../reason.ts'
import { ask, attempt, FILE_PATIENCE, PassingFailure } from '../remote/attempts.ts'
import type { Patience } from '../remote/patience.ts'
import type { VmwareOptions } from './settings.ts'
import {
  callOf,
  element,
  envelopeOf,
  type Reference,
  reference,
  returned,
  VimFault,
} from './soap.ts'

const MAX_ANSWER = 4 << 20
const COOKIE = /^vmware_soap_session=[^;\s]+/
/** A wrong password is not tried again for so long (ms), since a server locks the accounts of those who guess. */
const REFUSED_MS = 30_000

const content = z.object({
  sessionManager: reference,
  searchIndex: reference,
  fileManager: reference,
  propertyCollector: reference,
})

/** The objects of a server by which all others are found. */
export type Content = z.infer<typeof content>

export interface Session {
  /** As it may be shown. */
  server: string
  /** A request for a file, with the session of the server, which is made anew where it has ended [401]. */
  send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response>
  /** As `send`, but sent once and waited for without a limit: for a body that cannot be sent again. */
  sendOnce(path: string, init: RequestInit): Promise<Response>
  /** What a call of the API returns. One that must not be made twice is not. */
  call(build: (content: Content) => string, options?: { once?: boolean }): Promise<unknown[]>
}

interface Opened {
  cookie: string
  content: Content
}

/** Nothing is sent before the first request. */
export function createSession(
  options: VmwareOptions,
  fetch: Fetch,
  patience: Patience = FILE_PATIENCE,
): Session {
  const server = `https://${options.vmware_server_host}`
  const callPatience = { ...patience, attempts: options.vmware_api_retry_count + 1 }
  const callOnce = createCall(server, fetch, patience)
  const logIn = createLogIn(options, callOnce)
  let opened: Promise<Opened> | null = null

  function session(): Promise<Opened> {
    opened ??= logIn().catch((error: unknown) => {
      opened = null
      throw error
    })
    return opened
  }

  /** Works with a session, and once more with a new one where the old one has ended. */
  async function withSession<T>(
    work: (session: Opened) => Promise<T>,
    hasEnded: (result: T) => boolean,
  ): Promise<T> {
    const before = session()
    const result = await work(await before)
    if (!hasEnded(result)) return result
    if (opened === before) opened = null
    return work(await session())
  }

  return {
    server,

    send: (path, init, signal) =>
      withSession(
        async ({ cookie }) => {
          const sent = withCookie(init, cookie)
          const get = (stop: AbortSignal) => fetch(server + path, { ...sent, signal: stop })
          const response = await ask(server, patience, get, { signal })
          if (response.status === 401) await response.body?.cancel()
          return response
        },
        ({ status }) => status === 401,
      ),

    async sendOnce(path, init) {
      const { cookie } = await session()
      return fetch(server + path, withCookie(init, cookie))
    },

    async call(build, { once = false } = {}) {
      const work = async ({ cookie, content: found }: Opened) => {
        const call = () => callOnce(build(found), cookie)
        try {
          return await (once ? call() : attempt(callPatience, call))
        } catch (error) {
          if (error instanceof VimFault && error.fault === 'NotAuthenticated') return null
          throw error
        }
      }
      const result = await withSession(work, (found) => found === null)
      if (result === null) throw new Error(`${server} ends each session at once`)
      return result.values
    },
  }
}

function withCookie(init: RequestInit, cookie: string): RequestInit {
  const headers = new Headers(init.headers)
  headers.set('Cookie', cookie)
  return { ...init, headers, redirect: 'manual' }
}

/** Sends a call once. Throws a VimFault where it is refused. */
function createCall(server: string, fetch: Fetch, patience: Patience): CallOnce {
  return async (call, cookie) => {
    const headers = new Headers({
      'Content-Type': 'text/xml; charset=utf-8',
      SOAPAction: 'urn:vim25/6.5',
    })
    if (cookie !== null) headers.set('Cookie', cookie)
    const init = { method: 'POST', headers, body: envelopeOf(call), redirect: 'manual' as const }
    const limit = { total: patience.head }
    const post = (signal: AbortSignal) => fetch(`${server}/sdk`, { ...init, signal })
    // A fault of the API is a 500.
    const response = await ask(server, limit, post, { isAnswer: (status) => status === 500 })
    const bytes = await readLimited(response.body, MAX_ANSWER).catch((error: unknown) => {
      throw new PassingFailure(`${server} breaks off: ${reasonOf(error)}`)
    })
    const cookies = response.headers.getSetCookie()
    try {
      const values = returned(new TextDecoder().decode(bytes))
      return { values, cookie: cookies.find((each) => COOKIE.test(each)) }
    } catch (error) {
      throw described(error, server)
    }
  }
}

/** A fault that names the server, or what is no answer of the API. */
function described(error: unknown, server: string): Error {
  if (!(error instanceof VimFault)) return new Error(`${server} ${reasonOf(error)}`)
  const told = `${server} answers ${error.fault || 'a fault'}: ${reasonOf(error)}`
  return new VimFault(error.fault, told)
}

type CallOnce = (
  call: string,
  cookie: string | null,
) => Promise<{ values: unknown[]; cookie: string | undefined }>

function createLogIn(options: VmwareOptions, callOnce: CallOnce): () => Promise<Opened> {
  const root: Reference = { type: 'ServiceInstance', id: 'ServiceInstance' }
  const server = `https://${options.vmware_server_host}`
  const { vmware_server_username: user, vmware_server_password: password } = options
  let refusedAt = -Infinity

  const refused = () =>
    new Error(`${server} refuses the user: check vmware_server_username and vmware_server_password`)

  return async () => {
    if (performance.now() - refusedAt < REFUSED_MS) throw refused()
    const about = await callOnce(callOf('RetrieveServiceContent', root), null)
    const { data: found } = content.safeParse(about.values[0])
    if (!found) throw new Error(`${server} does not tell its services: is it a vCenter?`)
    const credentials = element('userName', user) + element('password', password)
    const call = callOf('Login', found.sessionManager, credentials)
    const { cookie } = await callOnce(call, null).catch((error: unknown) => {
      if (!(error instanceof VimFault) || error.fault !== 'InvalidLogin') throw error
      refusedAt = performance.now()
      throw refused()
    })
    const [value] = COOKIE.exec(cookie ?? '') ?? []
    if (value === undefined) throw new Error(`${server} gives no session to who logs in`)
    return { cookie: value, content: found }
  }
}
