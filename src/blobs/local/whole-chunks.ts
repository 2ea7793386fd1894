import { getLogger } from '@logtape/logtape'
import type { IsWhole } from './check.ts'
import { type LocalChunk, type LocalStore, isUnreadable, readFully } from './store.ts'
import { createVerified, type Verified } from './verified.ts'

const log = getLogger(['heliostat', 'local-chunks'])

/** Who keeps account of what is in a store. */
export interface ChunkAccount {
  /** Keeps a chunk until the function returned is called. */
  use(digest: string): () => void
  has(digest: string): boolean
  add(digest: string, size: number): void
  forget(digest: string): void
}

export interface WholeChunksParts {
  store: Pick<LocalStore, 'openChunk' | 'put' | 'delete' | 'quarantine'>
  check: IsWhole
  account: ChunkAccount
}

/** Chunks on this machine, given out whole or not at all: one that is damaged is taken out of the way. */
export interface WholeChunks {
  /** How many chunks were found damaged since the start. */
  damaged(): number
  /** The chunk, which stays until it is released; null when it is not here, or was damaged. */
  open(digest: string): Promise<LocalChunk | null>
  /** All its bytes; null when it is not here, or was damaged. */
  read(digest: string): Promise<Uint8Array | null>
  /** Stores a chunk whose bytes have been verified. */
  put(digest: string, bytes: Uint8Array): Promise<void>
  remove(digest: string): Promise<void>
}

export function createWholeChunks(parts: WholeChunksParts): WholeChunks {
  const { store, account } = parts
  const verified = createVerified(parts.check)
  const quarantine = createQuarantine(parts, verified)

  async function openWhole(digest: string): Promise<LocalChunk | null> {
    const chunk = await store.openChunk(digest)
    if (!chunk) {
      verified.forget(digest)
      return null
    }
    try {
      if (await verified.isWhole(digest, chunk)) {
        if (!account.has(digest)) account.add(digest, chunk.state.size)
        return chunk
      }
      chunk.release()
      await quarantine.put(digest, chunk.state.stamp)
      return null
    } catch (error) {
      chunk.release()
      throw error
    }
  }

  async function open(digest: string): Promise<LocalChunk | null> {
    const letGo = account.use(digest)
    let chunk: LocalChunk | null = null
    try {
      chunk = await quarantine.ifUnreadable(digest, openWhole(digest))
    } finally {
      if (!chunk) letGo()
    }
    return chunk && watched(chunk, { letGo, unreadable: () => verified.forget(digest) })
  }

  return {
    damaged: quarantine.count,
    open,

    async read(digest) {
      const chunk = await open(digest)
      if (!chunk) return null
      try {
        const bytes = new Uint8Array(chunk.state.size)
        const length = await quarantine.ifUnreadable(digest, readFully(chunk.read, bytes))
        return length === null ? null : bytes
      } finally {
        chunk.release()
      }
    },

    async put(digest, bytes) {
      await store.put(digest, bytes)
      const chunk = await store.openChunk(digest)
      if (chunk) verified.note(digest, chunk)
      chunk?.release()
    },

    async remove(digest) {
      verified.forget(digest)
      await store.delete(digest)
    },
  }
}

function createQuarantine({ store, account }: WholeChunksParts, verified: Verified) {
  let count = 0

  async function put(digest: string, stamp: string | null): Promise<void> {
    try {
      if (!(await store.quarantine(digest, stamp))) return
      log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    } catch (error) {
      const reason = String(error)
      log.error('Chunk {digest} is damaged and cannot be quarantined: {reason}', { digest, reason })
    }
    count++
    verified.forget(digest)
    account.forget(digest)
  }

  return {
    count: () => count,
    put,

    /** What comes of work on a chunk; null where the disk could not read it. */
    async ifUnreadable<T>(digest: string, work: Promise<T>): Promise<T | null> {
      try {
        return await work
      } catch (error) {
        if (!isUnreadable(error)) throw error
        await put(digest, null)
        return null
      }
    },
  }
}

interface Watch {
  letGo(): void
  unreadable(): void
}

/** A disk may no longer be able to read what it could: then the next one who opens the chunk has it checked again. */
function watched(chunk: LocalChunk, { letGo, unreadable }: Watch): LocalChunk {
  return {
    state: chunk.state,
    async read(buffer, position) {
      try {
        return await chunk.read(buffer, position)
      } catch (error) {
        if (isUnreadable(error)) unreadable()
        throw error
      }
    },
    release() {
      chunk.release()
      letGo()
    },
  }
}
