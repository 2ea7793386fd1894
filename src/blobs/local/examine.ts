import type { IsWhole } from './check.ts'
import { type ChunkFiles, isUnreadable } from './store.ts'

/** What a chunk is found to be when all of it is read. */
export interface Finding {
  isWhole: boolean
  /** Of what was read; null where that could not be. */
  stamp: string | null
}

/** Reads all of a chunk; null for one that is not there. */
export async function examine(
  { store, check }: { store: Pick<ChunkFiles, 'openChunk'>; check: IsWhole },
  digest: string,
): Promise<Finding | null> {
  try {
    const chunk = await store.openChunk(digest)
    if (!chunk) return null
    try {
      return { isWhole: await check(digest, chunk), stamp: chunk.state.stamp }
    } finally {
      chunk.release()
    }
  } catch (error) {
    if (isUnreadable(error)) return { isWhole: false, stamp: null }
    throw error
  }
}
