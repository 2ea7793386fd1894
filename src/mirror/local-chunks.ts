import { getLogger } from '@logtape/logtape'
import type { Digester } from '../blobs/digest.ts'
import type { OpenChunk } from '../blobs/open-files.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Residency } from './residency.ts'

const log = getLogger(['heliostat', 'local-chunks'])

type LocalChunk = OpenChunk & {
  /** When its file was last changed: milliseconds since 1970 UTC. */
  changedAt(): Promise<number>
}

/** The part of a site's store that lies on this machine. */
export interface LocalStore extends ChunkStore {
  openChunk(digest: string): Promise<LocalChunk | null>
  /** Takes a damaged chunk out of the way, but keeps it for whoever wants to know why. */
  quarantine(digest: string): Promise<void>
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
  /** When a chunk's file was last changed at the time when it was found to be whole. */
  const verified = new Map<string, number>()
  const verifying = new Map<string, Promise<boolean>>()
  let damaged = 0

  async function isWhole(digest: string, chunk: LocalChunk): Promise<boolean> {
    const changedAt = await chunk.changedAt()
    if (verified.get(digest) === changedAt) return true
    const known = verifying.get(digest)
    if (known) return known
    const checking = verify(digest, chunk, changedAt).finally(() => verifying.delete(digest))
    verifying.set(digest, checking)
    return checking
  }

  async function verify(digest: string, chunk: LocalChunk, changedAt: number): Promise<boolean> {
    const size = (await sizeOfChunk(digest)) ?? 0
    const bytes = new Uint8Array(size)
    const length = await readFully(chunk, bytes)
    if (length !== size || (await digester.sha256(bytes)) !== digest) return false
    verified.set(digest, changedAt)
    residency.add(digest, size)
    return true
  }

  async function quarantine(digest: string): Promise<void> {
    damaged++
    log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    verified.delete(digest)
    residency.forget(digest)
    await store.quarantine(digest)
  }

  return {
    /** How many chunks were found damaged since the start. */
    damaged: () => damaged,

    /** The chunk, which stays until it is released; null when it is not here, or was damaged. */
    async open(digest: string): Promise<OpenChunk | null> {
      const letGo = residency.use(digest)
      const chunk = await store.openChunk(digest)
      if (chunk && (await isWhole(digest, chunk))) return releasing(chunk, letGo)
      letGo()
      if (!chunk) return null
      chunk.release()
      await quarantine(digest)
      return null
    },

    /** Stores a chunk whose bytes have been verified. */
    async keep(digest: string, bytes: Uint8Array): Promise<void> {
      await store.put(digest, bytes)
      residency.add(digest, bytes.length)
      const changedAt = await whenChanged(store, digest)
      if (changedAt !== null) verified.set(digest, changedAt)
    },

    async remove(digest: string): Promise<void> {
      residency.forget(digest)
      verified.delete(digest)
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

async function whenChanged(store: LocalStore, digest: string): Promise<number | null> {
  const chunk = await store.openChunk(digest)
  if (!chunk) return null
  const changedAt = await chunk.changedAt()
  chunk.release()
  return changedAt
}

function releasing(chunk: OpenChunk, release: () => void): OpenChunk {
  let released = false
  return {
    read: (buffer, position) => chunk.read(buffer, position),
    release() {
      if (released) return
      released = true
      chunk.release()
      release()
    },
  }
}

async function readFully(chunk: OpenChunk, bytes: Uint8Array): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const read = await chunk.read(bytes.subarray(done), done)
    if (read === 0) break
    done += read
  }
  return done
}
