import { createTurns } from '../../turns.ts'
import type { Digester, RunningSha256 } from '../digest.ts'
import { MAX_CHUNK_BYTES } from '../manifest.ts'
import { type LocalChunk, type OpenChunk, isUnreadable, readFully } from './store.ts'

/** More at once would only wait for the disk. */
const AT_ONCE = 4
const PIECE = 1 << 20

/**
 * Whether a chunk is what its name says, whatever the registry says of its length: that may be damaged itself. One that
 * the disk cannot read is not.
 */
export type IsWhole = (digest: string, chunk: LocalChunk) => Promise<boolean>

/**
 * Checks chunks by reading them: a few at a time, piece by piece through the same memory, however large they are and
 * however many wait.
 */
export function createChunkCheck(digester: Pick<Digester, 'startSha256' | 'memory'>): IsWhole {
  const inTurn = createTurns(AT_ONCE)

  async function digestOf(chunk: OpenChunk, size: number): Promise<string | null> {
    const hash = digester.startSha256()
    try {
      const isRead = await digester.memory.lend(2 * PIECE, (memory) =>
        hashPieces({ chunk, size, memory, hash }),
      )
      return isRead ? await hash.finish() : null
    } finally {
      hash.abort()
    }
  }

  return (digest, chunk) =>
    inTurn(async () => {
      const { size } = chunk.state
      try {
        // What is larger than any chunk need not be read.
        return size <= MAX_CHUNK_BYTES && (await digestOf(chunk, size)) === digest
      } catch (error) {
        if (isUnreadable(error)) return false
        throw error
      }
    })
}

interface Hashing {
  chunk: OpenChunk
  size: number
  /** Two pieces: one is read while the other is hashed. */
  memory: Uint8Array
  hash: RunningSha256
}

/** False where the chunk ends before so many bytes. */
async function hashPieces({ chunk, size, memory, hash }: Hashing): Promise<boolean> {
  let hashing: Promise<void> = Promise.resolve()
  try {
    for (let position = 0, half = 0; position < size; position += PIECE, half = PIECE - half) {
      const piece = memory.subarray(half, half + Math.min(PIECE, size - position))
      if ((await readFully(chunk.read, piece, position)) < piece.length) return false
      await hashing
      hashing = hash.update(piece)
    }
    return true
  } finally {
    // The memory is not free before.
    await hashing
  }
}
