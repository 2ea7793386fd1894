import type { IsWhole } from '../../blobs/local/check.ts'
import type { LocalChunk, LocalStore, Release } from '../../blobs/local/store.ts'
import { createWholeChunks } from '../../blobs/local/whole-chunks.ts'
import type { StoredChunk } from '../../blobs/store.ts'
import type { EdgeAccount } from './account.ts'

const POLL_MS = 50

export interface LocalChunksParts {
  store: LocalStore
  sizeOfChunk(digest: string): Promise<number | null>
  check: IsWhole
  account: EdgeAccount
}

/** Chunks on this machine, none of which is given out before it has been found to be whole. */
export interface LocalChunks {
  /** How many were found damaged since the start. */
  damaged(): number
  /** The chunk, which stays until it is released; null when it is not here, or was damaged. */
  open(digest: string): Promise<LocalChunk | null>
  /** The right to fetch a chunk; null where it is here, since another process that shares the store has fetched it. */
  claimUnlessHere(digest: string): Promise<Release | null>
  /** Stores a chunk whose bytes have been verified. */
  keep(digest: string, bytes: Uint8Array): Promise<void>
  remove(digest: string): Promise<void>
  /** Takes a chunk that somebody else has found damaged out of the way; false where it has gone by itself. */
  quarantine(digest: string, stamp: string | null): Promise<boolean>
  /** Notes what is in the store at the start, as if each chunk had been used last when it was stored. */
  load(): Promise<void>
}

export function createLocalChunks(parts: LocalChunksParts): LocalChunks {
  const { store, sizeOfChunk, account } = parts
  const whole = createWholeChunks(parts)

  async function isHere(digest: string): Promise<boolean> {
    const chunk = await whole.open(digest)
    chunk?.release()
    return chunk !== null
  }

  return {
    damaged: whole.damaged,
    open: whole.open,

    async claimUnlessHere(digest) {
      for (;;) {
        const claim = await store.claim(digest)
        const here = await isHere(digest).catch(async (error: unknown) => {
          await claim?.()
          throw error
        })
        if (claim && !here) return claim
        await claim?.()
        if (here) return null
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },

    async keep(digest, bytes) {
      await whole.put(digest, bytes)
      account.add(digest, bytes.length)
    },

    remove: whole.remove,

    quarantine(digest, stamp) {
      account.forget(digest)
      return store.quarantine(digest, stamp)
    },

    async load() {
      const stored: StoredChunk[] = []
      for await (const chunk of store.list()) stored.push(chunk)
      stored.sort((a, b) => a.storedAt - b.storedAt)
      for (const { digest } of stored) account.add(digest, (await sizeOfChunk(digest)) ?? 0)
    },
  }
}
