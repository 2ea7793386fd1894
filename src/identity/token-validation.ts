import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'
import { type KeystoneClient, VALIDATE } from './keystone-client.ts'
import type { KeystoneOptions } from './keystone-http.ts'
import { hasExpired, isFresh, type KnownToken } from './known-token.ts'
import { createSingleFlight } from './single-flight.ts'
import { createTokenCache, type TokenStore } from './token-cache.ts'
import { hashToken } from './token-hash.ts'
import { type Bearer, parseKeystoneToken } from './vouched-token.ts'

/**
 * The form of every token that Keystone gives: visible ASCII characters, a few hundred of them. Any other string is
 * refused without asking Keystone, whose usual server takes 4 KiB for all headers and breaks the connection off at
 * more.
 */
const TOKEN_FORM = /^[\x21-\x7e]{1,3072}$/

/** Not found, or nothing that Keystone can read. Any other status is not about the token. */
const REFUSALS = [400, 404, 413, 414, 431]

const log = getLogger(['heliostat', 'keystone'])

interface ValidationParts {
  options: Pick<KeystoneOptions, 'token_cache_time' | 'http_connect_timeout'>
  client: Pick<KeystoneClient, 'request'>
  store: TokenStore
}

interface Question {
  token: string
  hash: string
  allowExpired: boolean
}

/**
 * Has Keystone validate tokens, and remembers what it says: for `token_cache_time`, and while Keystone does not answer
 * until a token expires. Null for a token that is not valid; throws `unavailable` for one that nothing is known of.
 */
export type ValidateToken = (
  token: string,
  options?: { allowExpired?: boolean },
) => Promise<Bearer | null>

export function createTokenValidation({ options, client, store }: ValidationParts): ValidateToken {
  const cache = createTokenCache(store)
  const share = createSingleFlight<KnownToken | null>(2 * options.http_connect_timeout * 1000)

  async function askKeystone({ token, hash, allowExpired }: Question): Promise<KnownToken | null> {
    const path = allowExpired ? `${VALIDATE}&allow_expired=1` : VALIDATE
    const headers = { 'X-Subject-Token': token, 'OpenStack-Identity-Access-Rules': '1.0' }
    const answer = await client.request(path, { headers })
    if (REFUSALS.includes(answer.status)) {
      cache.refuse(keyOf(hash, allowExpired))
      await cache.forget(hash)
      return null
    }
    const vouched = parseKeystoneToken(answer.body)
    if (!vouched) throw uselessAnswer(answer.status)
    return cache.remember(hash, vouched)
  }

  return async function validate(token, { allowExpired = false } = {}) {
    if (!TOKEN_FORM.test(token)) return null
    const hash = hashToken(token).toString('hex')
    const key = keyOf(hash, allowExpired)
    if (cache.isRefused(key)) return null
    const isGood = (found: KnownToken | null) =>
      found !== null && (allowExpired || !hasExpired(found))

    const known = await cache.find(hash)
    if (known && !isGood(known)) return null
    if (known && isFresh(known, options.token_cache_time * 1000)) return known
    try {
      const vouched = await share(key, () => askKeystone({ token, hash, allowExpired }))
      return isGood(vouched) ? vouched : null
    } catch (error) {
      if (known && !hasExpired(known) && isUnavailable(error)) return known
      throw error
    }
  }
}

/** An expired token may be refused alone and taken beside a service's. */
function keyOf(hash: string, allowExpired: boolean): string {
  return allowExpired ? `${hash} even if expired` : hash
}

function uselessAnswer(status: number): HeliostatError {
  log.warn('Keystone does not validate tokens for this service: it answers {status}', { status })
  return new HeliostatError('unavailable', 'Keystone does not validate tokens for this service', {
    headers: { 'Retry-After': '30' },
  })
}

function isUnavailable(error: unknown): boolean {
  return error instanceof HeliostatError && error.code === 'unavailable'
}
