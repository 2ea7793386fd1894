import type { Fetch } from '../http/fetch.ts'
import { reasonOf } from '../reason.ts'
import { createCircuitBreaker } from './circuit-breaker.ts'
import {
  createSend,
  isTimeout,
  type KeystoneAnswer,
  type KeystoneOptions,
  type KeystoneRequest,
} from './keystone-http.ts'
import { createServiceToken } from './service-token.ts'

/** Asks where a token is validated; the path is the same for every one. */
export const VALIDATE = '/auth/tokens?nocatalog'

/** Keystone, as the service's own user sees it. */
export interface KeystoneClient {
  /**
   * The answer to a request to a path below `/v3`, made with the service's token. Throws `unavailable` when Keystone
   * gives none, or gave none a moment ago.
   */
  request(path: string, request?: KeystoneRequest): Promise<KeystoneAnswer>
}

/** Nothing is sent before the first request. */
export function createKeystoneClient(options: KeystoneOptions, fetch: Fetch): KeystoneClient {
  const send = createSend(options, fetch)
  const serviceToken = createServiceToken(options, send)
  const breaker = createCircuitBreaker(4 * options.http_connect_timeout * 1000)

  const sendAs = (token: string, path: string, request: KeystoneRequest) =>
    send(path, { ...request, headers: { ...request.headers, 'X-Auth-Token': token } })

  async function sendAsService(path: string, request: KeystoneRequest): Promise<KeystoneAnswer> {
    const token = await serviceToken.get()
    const answer = await sendAs(token, path, request)
    if (answer.status !== 401) return answer
    const again = await sendAs(await serviceToken.renew(token), path, request)
    if (again.status === 401) throw new Error('the new token of this service is refused')
    return again
  }

  /**
   * Whether Keystone is well and only choked on what it was sent: a caller's token, which may be anything, must not cut
   * everybody off. (Behind uWSGI one of 5 kB is answered by a closed connection.)
   */
  async function isWell(): Promise<boolean> {
    const token = serviceToken.current()
    if (token === null) return false
    try {
      const answer = await sendAs(token, VALIDATE, { headers: { 'X-Subject-Token': token } })
      return answer.status === 200
    } catch {
      return false
    }
  }

  return {
    async request(path, request = {}) {
      const entered = breaker.enter()
      try {
        const answer = await sendAsService(path, request)
        breaker.succeeded()
        return answer
      } catch (error) {
        const reason = reasonOf(error)
        if (!isTimeout(error) && (await isWell())) breaker.succeeded()
        else breaker.failed(entered, reason)
        throw breaker.away(reason)
      }
    },
  }
}
