import { getLogger } from '@logtape/logtape'
import type { Release } from '../blobs/claims.ts'
import type { Digester } from '../blobs/digest.ts'
import type { OpenChunk } from '../blobs/open-files.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Residency } from './residency.ts'
import { createVerified, type LocalChunk, readFully } from './verified.ts'

const POLL_MS = 50

const log = getLogger(['heliostat', 'local-chunks'])

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
  digester: Pick<Digester, 'sha256'>
  residency: Residency
}

/** Chunks on this machine, none of which is given out before it has been found to be whole. */
export type LocalChunks = ReturnType<typeof createLocalChunks>

export function createLocalChunks({ store, sizeOfChunk, digester, residency }: LocalChunksParts) {
  const verified = createVerified(digester, sizeOfChunk)
  let damaged = 0

  async function quarantine(digest: string): Promise<void> {
    damaged++
    log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    verified.forget(digest)
    residency.forget(digest)
    await store.quarantine(digest)
  }

  async function openChunk(digest: string): Promise<OpenChunk | null> {
    const letGo = residency.use(digest)
    const chunk = await store.openChunk(digest)
    if (chunk && (await verified.isWhole(digest, chunk))) {
      if (!residency.has(digest)) residency.add(digest, (await sizeOfChunk(digest)) ?? 0)
      return releasing(chunk, letGo)
    }
    letGo()
    chunk?.release()
    if (chunk) await quarantine(digest)
    return null
  }

  async function readWhole(digest: string): Promise<Uint8Array | null> {
    const chunk = await openChunk(digest)
    if (!chunk) return null
    const bytes = new Uint8Array((await sizeOfChunk(digest)) ?? 0)
    await readFully(chunk, bytes).finally(() => chunk.release())
    return bytes
  }

  return {
    /** How many chunks were found damaged since the start. */
    damaged: () => damaged,

    /** The chunk, which stays until it is released; null when it is not here, or was damaged. */
    open: openChunk,

    /** The right to fetch a chunk, or its bytes where another process that shares the store has fetched it. */
    async claimOrRead(digest: string): Promise<Release | Uint8Array> {
      for (;;) {
        const claim = await store.claim(digest)
        const bytes = await readWhole(digest)
        if (bytes) await claim?.()
        const answer = bytes ?? claim
        if (answer) return answer
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },

    /** Stores a chunk whose bytes have been verified. */
    async keep(digest: string, bytes: Uint8Array): Promise<void> {
      await store.put(digest, bytes)
      residency.add(digest, bytes.length)
      const chunk = await store.openChunk(digest)
      if (chunk) await verified.note(digest, chunk).finally(() => chunk.release())
    },

    async remove(digest: string): Promise<void> {
      residency.forget(digest)
      verified.forget(digest)
      await store.delete(digest)
    },

    /** Notes what is in the store at the start. */
    async load(): Promise<void> {
      for await (const { digest } of store.list()) {
        residency.add(digest, (await sizeOfChunk(digest)) ?? 0)
      }
    },
  }
}

function releasing(chunk: OpenChunk, release: () => void): OpenChunk {
  return {
    read: (buffer, position) => chunk.read(buffer, position),
    release() {
      chunk.release()
      release()
    },
  }
}
