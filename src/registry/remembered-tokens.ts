import { eq, lte } from 'drizzle-orm'
import { rememberedTokens } from '../../schema/tables.ts'
import { freeing, type Registry } from './database.ts'

interface RememberedToken {
  /** Whose token it is. */
  bearer: Record<string, unknown>
  validatedAt: number
  expiresAt: number
}

/** Tokens that go on working after a restart without Keystone, by the SHA-256 of each in hexadecimal digits. */
export interface RememberedTokens {
  find(hash: string): Promise<RememberedToken | null>
  put(hash: string, token: RememberedToken): Promise<void>
  delete(hash: string): Promise<void>
  deleteExpired(): Promise<void>
}

export function createRememberedTokens(registry: Registry): RememberedTokens {
  const is = (hash: string) => eq(rememberedTokens.hash, hash)
  return {
    async find(hash) {
      const row = await registry.select().from(rememberedTokens).where(is(hash)).get()
      if (!row) return null
      return { bearer: row.identity, validatedAt: row.validated_at, expiresAt: row.expires_at }
    },

    async put(hash, { bearer, validatedAt, expiresAt }) {
      const row = { identity: bearer, validated_at: validatedAt, expires_at: expiresAt }
      await registry
        .insert(rememberedTokens)
        .values({ hash, ...row })
        .onConflictDoUpdate({ target: rememberedTokens.hash, set: row })
    },

    async delete(hash) {
      await freeing(registry).delete(rememberedTokens).where(is(hash))
    },

    async deleteExpired() {
      await freeing(registry)
        .delete(rememberedTokens)
        .where(lte(rememberedTokens.expires_at, Date.now()))
    },
  }
}
