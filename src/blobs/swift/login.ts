import { z } from 'zod'
import { answerWithin } from '../../http/deadline.ts'
import type { Fetch } from '../../http/fetch.ts'
import { catalogSchema, endpointOf, type WantedEndpoint } from '../../identity/catalog.ts'
import { createSend } from '../../identity/keystone-http.ts'
import { authOf } from '../../identity/service-token.ts'
import { createSingleFlight } from '../../identity/single-flight.ts'
import { reasonOf } from '../../reason.ts'
import { passes, SwiftError } from './failure.ts'
import type { Patience } from '../remote/patience.ts'
import { isVersion1, type SwiftAccount, type SwiftOptions } from './settings.ts'

/** What a login gives. */
export interface Access {
  token: string
  /** The URL of the account, without a slash at its end. */
  url: string
}

/** The login that all requests share, renewed before it ends. */
export interface Login {
  get(): Promise<Access>
  /** Another one than that, whose token is no longer taken. Those who wait for it get the same. */
  renew(refused: Access): Promise<Access>
}

/** How long it holds, in milliseconds; null where that is not said. */
type Granted = Access & { lifetime: number | null }

/** Nothing is sent before the first request. */
export function createLogin(options: SwiftOptions, fetch: Fetch, { head }: Patience): Login {
  const { account, swift_store_endpoint: endpoint } = options
  const share = createSingleFlight<Access>(head)
  const ask = isVersion1(account)
    ? () => askSwift(account, fetch, head)
    : () => askKeystone(options, fetch, head)
  /** A time of `performance.now()`: a clock that is set must not make every request a login. */
  let until = 0
  let access: Access | null = null

  async function obtain(): Promise<Access> {
    const { token, url, lifetime } = await ask()
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw failed(account.auth_address, 'names an account by something that is no URL')
    }
    // A short life is not to be all margin.
    const margin = Math.min(options.swift_store_expire_soon_interval * 1000, (lifetime ?? 0) / 2)
    until = performance.now() + (lifetime ?? Infinity) - margin
    access = { token, url: (endpoint ?? url).replace(/\/+$/, '') }
    return access
  }

  const current = () => (until > performance.now() ? access : null)
  return {
    get: async () => current() ?? share('', obtain),

    async renew(refused) {
      if (access?.token === refused.token) access = null
      return current() ?? share('', obtain)
    },
  }
}

/** https://docs.openstack.org/swift/latest/overview_auth.html#tempauth; Ceph answers with 204. */
async function askSwift(account: SwiftAccount, fetch: Fetch, head: number): Promise<Granted> {
  const { auth_address: address, user, key } = account
  const headers = { 'X-Auth-User': user ?? '', 'X-Auth-Key': key ?? '' }
  const send = (signal: AbortSignal) => fetch(address, { headers, redirect: 'manual', signal })
  const response = await answerWithin({ head, idle: head }, send).catch((error: unknown) => {
    throw unanswered(address, error)
  })
  await response.body?.cancel().catch(() => undefined)
  if (!response.ok) throw refused(address, response.status)
  const token = response.headers.get('X-Auth-Token')
  const url = response.headers.get('X-Storage-Url')
  if (!token || !url) throw failed(address, 'gives no token and URL of an account')
  const seconds = /^\d{1,9}$/.exec(response.headers.get('X-Auth-Token-Expires') ?? '')
  return { token, url, lifetime: seconds && Number(seconds[0]) * 1000 }
}

const issued = z.object({
  token: z.object({
    expires_at: z.string().transform(Date.parse).pipe(z.number()),
    catalog: catalogSchema,
  }),
})

async function askKeystone(options: SwiftOptions, fetch: Fetch, head: number): Promise<Granted> {
  const { account } = options
  const address = account.auth_address.replace(/\/(v2\.0|v3)?\/*$/, '')
  const send = createSend({ auth_url: address, http_connect_timeout: head / 1000 }, fetch)
  const body = { auth: authOf(loginOf(account)) }
  const answer = await send('/auth/tokens', { method: 'POST', body }).catch((error: unknown) => {
    throw unanswered(address, error)
  })
  const token = answer.headers.get('X-Subject-Token')
  if (answer.status !== 201 || !token) throw refused(address, answer.status)
  const parsed = issued.safeParse(answer.body)
  if (!parsed.success) throw failed(address, 'gives a token without a catalog')
  const { expires_at, catalog } = parsed.data.token
  const url = options.swift_store_endpoint ?? endpointOf(catalog, wantedEndpoint(options))
  if (url === null) throw failed(address, noEndpoint(options))
  return { token, url, lifetime: expires_at - Date.now() }
}

function loginOf(account: SwiftAccount) {
  const [project_name = '', username = ''] = (account.user ?? '').split(':')
  return { ...account, auth_type: '' as const, project_name, username, password: account.key }
}

function wantedEndpoint(options: SwiftOptions): WantedEndpoint {
  return {
    type: options.swift_store_service_type,
    region: options.swift_store_region,
    serviceInterface: options.swift_store_endpoint_type.replace(/URL$/, ''),
  }
}

function noEndpoint(options: SwiftOptions): string {
  const { swift_store_service_type: type, swift_store_endpoint_type: kind } = options
  const region = options.swift_store_region
  const where = region === null ? '' : ` in region "${region}"`
  return `has no ${kind} of a service "${type}"${where} in its catalog: set swift_store_endpoint`
}

function refused(address: string, status: number): SwiftError {
  if (passes(status)) return failed(address, `answers ${status}`, true)
  const isUser = status === 401 || status === 403
  const why = isUser ? 'refuses the user and key' : 'is no login: check swift_store_auth_address'
  return failed(address, `${why} (${status})`)
}

function unanswered(address: string, error: unknown): SwiftError {
  return failed(address, `does not answer: ${reasonOf(error)}`, true)
}

function failed(address: string, why: string, isPassing = false): SwiftError {
  return new SwiftError(`Cannot log in to Swift: ${address} ${why}`, { isPassing })
}
