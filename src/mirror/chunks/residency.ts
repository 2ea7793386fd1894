import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import type { EdgeAccount } from './account.ts'

const log = getLogger(['heliostat', 'residency'])

/** How much room an edge's chunks take. Sizes are bytes. */
export interface Room {
  chunks: number
  used: number
  /** For chunks that are on their way. */
  reserved: number
  limit: number
  /** Chunks that were removed to make room, since the start. */
  evictions: number
}

/**
 * Makes room in an edge's store, within its limit. The least recently used of the chunks that nobody is using goes first;
 * a pinned one never goes.
 */
export interface Residency {
  status(): Room
  /** Makes room before bytes are fetched; false when nothing more can go. `settle` ends the reservation. */
  reserve(size: number): Promise<boolean>
  settle(size: number): void
  /** Removes a chunk from the store. */
  remove(digest: string): Promise<void>
  /** Evicts until the limit holds, or nothing more can go; tells how much went. */
  prune(): Promise<{ chunks: number; bytes: number }>
}

export interface ResidencyOptions {
  account: Pick<EdgeAccount, 'sizeOf' | 'leastRecentlyUsed' | 'add' | 'forget' | 'count' | 'used'>
  /** What the chunks may take together. */
  limit: number
  /** Chunks that stay whatever happens. */
  isPinned(digest: string): boolean
  /** Removes a chunk from the store. */
  remove(digest: string): Promise<void>
}

export function createResidency(options: ResidencyOptions): Residency {
  const { account, limit, isPinned } = options
  let reserved = 0
  let evictions = 0

  /** Forgotten before it goes, so that no other eviction picks it too. What cannot be removed still takes its room. */
  async function remove(digest: string): Promise<void> {
    const size = account.sizeOf(digest)
    account.forget(digest)
    try {
      await options.remove(digest)
    } catch (error) {
      if (size !== null) account.add(digest, size)
      throw error
    }
  }

  /** The bytes that went; null when nothing can go. */
  async function evictOne(): Promise<number | null> {
    for (const [digest, size] of account.leastRecentlyUsed()) {
      if (isPinned(digest)) continue
      try {
        await remove(digest)
      } catch (error) {
        log.error('Chunk {digest} cannot be removed: {reason}', { digest, reason: reasonOf(error) })
        return null
      }
      evictions++
      return size
    }
    return null
  }

  async function prune(): Promise<{ chunks: number; bytes: number }> {
    const gone = { chunks: 0, bytes: 0 }
    while (account.used() + reserved > limit) {
      const bytes = await evictOne()
      if (bytes === null) break
      gone.chunks++
      gone.bytes += bytes
    }
    return gone
  }

  return {
    status: () => ({
      chunks: account.count(),
      used: account.used(),
      reserved,
      limit,
      evictions,
    }),
    remove,
    prune,

    async reserve(size) {
      reserved += size
      await prune()
      const fits = account.used() + reserved <= limit
      if (!fits) reserved -= size
      return fits
    },

    settle: (size) => void (reserved -= size),
  }
}
