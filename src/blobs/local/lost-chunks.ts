import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import type { ChunkFiles } from './store.ts'

const log = getLogger(['heliostat', 'lost-chunks'])

export interface LostChunksParts {
  store: Pick<ChunkFiles, 'openChunk'>
  /** Null for chunks that nothing needs: those cannot be lost. */
  sizeOfChunk(digest: string): Promise<number | null>
  /** What is still to be known after a restart. */
  notes: { readonly lost: Set<string>; save(): Promise<void> }
}

/** The chunks that are damaged or gone, and can be had nowhere else, until they are uploaded again. */
export interface LostChunks {
  has(digest: string): boolean
  add(digest: string): Promise<void>
  heal(digest: string): Promise<void>
  /** Forgets those that are back, or that no image needs any more, and tells how many are left. */
  recount(): Promise<number>
}

export function createLostChunks({ store, sizeOfChunk, notes }: LostChunksParts): LostChunks {
  const { lost } = notes

  async function save(): Promise<void> {
    await notes.save().catch((error: unknown) => {
      log.error('Cannot write down which chunks are lost: {reason}', { reason: reasonOf(error) })
    })
  }

  async function isHealed(digest: string): Promise<boolean> {
    const found = await store.openChunk(digest)
    found?.release()
    return found !== null || (await sizeOfChunk(digest)) === null
  }

  return {
    has: (digest) => lost.has(digest),

    async add(digest) {
      if (lost.has(digest) || (await sizeOfChunk(digest)) === null) return
      lost.add(digest)
      log.error('Chunk {digest} is damaged or gone, and lost: upload an image that has it again', {
        digest,
      })
      await save()
    },

    async heal(digest) {
      if (!lost.delete(digest)) return
      log.info('Chunk {digest} is no longer lost', { digest })
      await save()
    },

    async recount() {
      for (const digest of lost) if (await isHealed(digest)) lost.delete(digest)
      return lost.size
    },
  }
}
