import type { IsWhole } from '../../blobs/local/check.ts'
import type { Release } from '../../blobs/fs/claims.ts'
import type { LocalStore } from '../../blobs/local/store.ts'
import type { StoredChunk } from '../../blobs/store.ts'
import { createWholeChunks } from '../../blobs/local/whole-chunks.ts'
import type { Residency } from './residency.ts'

const POLL_MS = 50

export interface LocalChunksParts {
  store: LocalStore
  sizeOfChunk(digest: string): Promise<number | null>
  check: IsWhole
  residency: Residency
}

/** Chunks on this machine, none of which is given out before it has been found to be whole. */
export type LocalChunks = ReturnType<typeof createLocalChunks>

export function createLocalChunks({ store, sizeOfChunk, check, residency }: LocalChunksParts) {
  const whole = createWholeChunks({ store, check, account: residency })

  async function readOrClaim(digest: string): Promise<Release | Uint8Array | null> {
    const claim = await store.claim(digest)
    try {
      const bytes = await whole.read(digest)
      if (!bytes) return claim
      await claim?.()
      return bytes
    } catch (error) {
      await claim?.()
      throw error
    }
  }

  return {
    damaged: whole.damaged,
    open: whole.open,

    /** The right to fetch a chunk, or its bytes where another process that shares the store has fetched it. */
    async claimOrRead(digest: string): Promise<Release | Uint8Array> {
      for (;;) {
        const answer = await readOrClaim(digest)
        if (answer) return answer
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },

    /** Stores a chunk whose bytes have been verified. */
    async keep(digest: string, bytes: Uint8Array): Promise<void> {
      await whole.put(digest, bytes)
      residency.add(digest, bytes.length)
    },

    remove: whole.remove,

    /** Notes what is in the store at the start, as if each chunk had been used last when it was stored. */
    async load(): Promise<void> {
      const stored: StoredChunk[] = []
      for await (const chunk of store.list()) stored.push(chunk)
      stored.sort((a, b) => a.storedAt - b.storedAt)
      for (const { digest } of stored) residency.add(digest, (await sizeOfChunk(digest)) ?? 0)
    },
  }
}
