import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'
import { type KnownToken, knownToken } from './known-token.ts'
import { createLru } from '../lru.ts'
import { bearer, type VouchedToken } from './vouched-token.ts'

const MAX_TOKENS = 10_000
const REFUSED_MS = 10_000

const log = getLogger(['heliostat', 'keystone'])

/** Where tokens are remembered beyond the life of the process, by the SHA-256 of each in hexadecimal digits. */
export interface TokenStore {
  find(hash: string): Promise<StoredToken | null>
  put(hash: string, token: StoredToken): Promise<void>
  delete(hash: string): Promise<void>
}

interface StoredToken {
  /** A `Bearer`, as JSON. */
  bearer: Record<string, unknown>
  validatedAt: number
  expiresAt: number
}

/** What Keystone has said of tokens: the good ones in memory and in a store, the bad ones for seconds in memory. */
export interface TokenCache {
  /** Null for a token that is not known. It may have expired. */
  find(hash: string): Promise<KnownToken | null>
  remember(hash: string, token: VouchedToken): Promise<KnownToken>
  forget(hash: string): Promise<void>
  refuse(key: string): void
  isRefused(key: string): boolean
}

export function createTokenCache(store: TokenStore): TokenCache {
  const vouched = createLru<KnownToken>(MAX_TOKENS)
  const refused = createLru<number>(MAX_TOKENS)

  return {
    async find(hash) {
      const known = vouched.get(hash)
      if (known) return known
      const stored = await store.find(hash)
      const parsed = bearer.safeParse(stored?.bearer)
      if (!stored || !parsed.success) return null
      const { validatedAt, expiresAt } = stored
      const token = knownToken({ ...parsed.data, validatedAt, expiresAt })
      vouched.set(hash, token)
      return token
    },

    async remember(hash, token) {
      const known = knownToken(token)
      vouched.set(hash, known)
      // Those that are good only beside a service's token end with this process at the latest.
      if (token.expiresAt <= Date.now()) return known
      const { identity, accessRules, validatedAt, expiresAt } = token
      await tolerate(store.put(hash, { bearer: { identity, accessRules }, validatedAt, expiresAt }))
      return known
    },

    async forget(hash) {
      vouched.delete(hash)
      await tolerate(store.delete(hash))
    },

    refuse(key) {
      refused.set(key, performance.now() + REFUSED_MS)
    },

    isRefused: (key) => (refused.get(key) ?? 0) > performance.now(),
  }
}

/** A token that cannot be written down is good all the same. */
async function tolerate(writing: Promise<void>): Promise<void> {
  try {
    await writing
  } catch (error) {
    log.warn('A token could not be remembered: {reason}', { reason: reasonOf(error) })
  }
}
