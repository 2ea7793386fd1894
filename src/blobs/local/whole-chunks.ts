import type { ChunkAccount } from './account.ts'
import type { IsWhole } from './check.ts'
import { createQuarantine } from './quarantine.ts'
import { type LocalChunk, type LocalStore, isUnreadable } from './store.ts'
import { createVerified } from './verified.ts'

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
  /** Stores a chunk whose bytes have been verified. */
  put(digest: string, bytes: Uint8Array): Promise<void>
  remove(digest: string): Promise<void>
}

export function createWholeChunks(parts: WholeChunksParts): WholeChunks {
  const { store, account } = parts
  const verified = createVerified(parts.check)
  const quarantine = createQuarantine({ store, account, verified })

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
