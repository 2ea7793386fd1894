import type { Release } from '../blobs/claims.ts'
import type { Digester } from '../blobs/digest.ts'
import type { ChunkStore, StoredChunk } from '../blobs/store.ts'
import type { Residency } from './residency.ts'
import { createVerified, type LocalChunk } from './verified.ts'
import { createWholeChunks } from './whole-chunks.ts'

const POLL_MS = 50

/** The part of a site's store that lies on this machine. */
export interface LocalStore extends ChunkStore {
  openChunk(digest: string): Promise<LocalChunk | null>
  /** Takes a damaged chunk out of the way, but keeps it for whoever wants to know why. */
  quarantine(digest: string): Promise<void>
  /** Claims the fetching of a chunk among the processes that share the store; null while another one has it. */
  claim(digest: string): Promise<Release | null>
}

export interface LocalChunksParts {
  store: LocalStore
  sizeOfChunk(digest: string): Promise<number | null>
  digester: Pick<Digester, 'sha256' | 'allocate'>
  residency: Residency
}

/** Chunks on this machine, none of which is given out before it has been found to be whole. */
export type LocalChunks = ReturnType<typeof createLocalChunks>

export function createLocalChunks({ store, sizeOfChunk, digester, residency }: LocalChunksParts) {
  const verified = createVerified(digester, sizeOfChunk)
  const whole = createWholeChunks({ store, sizeOfChunk, verified, residency })

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
      if (whole.isStuck(digest)) throw new Error('A damaged one is in its place')
      await store.put(digest, bytes)
      residency.add(digest, bytes.length)
      const chunk = await store.openChunk(digest)
      if (chunk) await verified.note(digest, chunk).finally(() => chunk.release())
    },

    async remove(digest: string): Promise<void> {
      verified.forget(digest)
      await store.delete(digest)
    },

    /** Notes what is in the store at the start, as if each chunk had been used last when it was stored. */
    async load(): Promise<void> {
      const stored: StoredChunk[] = []
      for await (const chunk of store.list()) stored.push(chunk)
      stored.sort((a, b) => a.storedAt - b.storedAt)
      for (const { digest } of stored) residency.add(digest, (await sizeOfChunk(digest)) ?? 0)
    },
  }
}
