import { getLogger } from '@logtape/logtape'
import type { OpenChunk } from '../blobs/open-files.ts'
import type { Residency } from './residency.ts'
import { isUnreadable, type LocalChunk, readFully, type Verified } from './verified.ts'

const log = getLogger(['heliostat', 'local-chunks'])

export interface WholeChunksParts {
  store: {
    openChunk(digest: string): Promise<LocalChunk | null>
    quarantine(digest: string): Promise<void>
  }
  sizeOfChunk(digest: string): Promise<number | null>
  verified: Verified
  residency: Pick<Residency, 'use' | 'has' | 'add' | 'forget'>
}

/** Gives out chunks that are whole. One that is damaged, or that the disk cannot read, is taken out of the way. */
export function createWholeChunks(parts: WholeChunksParts) {
  const { store, sizeOfChunk, verified, residency } = parts
  const quarantine = createQuarantine(parts)

  async function openWhole(digest: string): Promise<LocalChunk | null> {
    const chunk = await store.openChunk(digest)
    if (!chunk) {
      quarantine.isGone(digest)
      return null
    }
    try {
      if (await verified.isWhole(digest, chunk)) {
        if (!residency.has(digest)) residency.add(digest, (await sizeOfChunk(digest)) ?? 0)
        return chunk
      }
    } catch (error) {
      chunk.release()
      throw error
    }
    chunk.release()
    await quarantine.put(digest)
    return null
  }

  async function open(digest: string): Promise<OpenChunk | null> {
    const letGo = residency.use(digest)
    let chunk: LocalChunk | null = null
    try {
      chunk = await quarantine.ifUnreadable(digest, openWhole(digest))
    } finally {
      if (!chunk) letGo()
    }
    return chunk && watched(chunk, { letGo, unreadable: () => verified.forget(digest) })
  }

  return {
    /** How many chunks were found damaged since the start. */
    damaged: quarantine.count,

    /** Whether a damaged chunk lies in its place still, since it could not be taken away. */
    isStuck: quarantine.isStuck,

    /** The chunk, which stays until it is released; null when it is not here, or was damaged. */
    open,

    /** All its bytes; null when it is not here, or was damaged. */
    async read(digest: string): Promise<Uint8Array | null> {
      const chunk = await open(digest)
      if (!chunk) return null
      try {
        const bytes = new Uint8Array((await sizeOfChunk(digest)) ?? 0)
        const length = await quarantine.ifUnreadable(digest, readFully(chunk, bytes))
        return length === null ? null : bytes
      } finally {
        chunk.release()
      }
    },
  }
}

function createQuarantine({ store, verified, residency }: WholeChunksParts) {
  const stuck = new Set<string>()
  let count = 0

  async function put(digest: string): Promise<void> {
    count++
    log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    verified.forget(digest)
    residency.forget(digest)
    try {
      await store.quarantine(digest)
      stuck.delete(digest)
    } catch (error) {
      stuck.add(digest)
      const reason = String(error)
      log.error('Chunk {digest} cannot be quarantined: {reason}', { digest, reason })
    }
  }

  return {
    count: () => count,
    isStuck: (digest: string) => stuck.has(digest),
    isGone: (digest: string) => void stuck.delete(digest),
    put,

    /** What comes of work on a chunk; null where the disk could not read it. */
    async ifUnreadable<T>(digest: string, work: Promise<T>): Promise<T | null> {
      try {
        return await work
      } catch (error) {
        if (!isUnreadable(error)) throw error
        await put(digest)
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
function watched(chunk: OpenChunk, { letGo, unreadable }: Watch): OpenChunk {
  return {
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
