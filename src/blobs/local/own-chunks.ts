import type { HasBytes, OpenBody } from '../body.ts'
import { chunkStream } from '../chunk-stream.ts'
import { type Content, type Piece, pieces } from '../manifest.ts'
import type { ChunkStore, Span } from '../store.ts'
import type { ChunkAccount } from './account.ts'
import type { IsWhole } from './check.ts'
import type { LostChunks } from './lost-chunks.ts'
import type { LocalChunk, LocalStore } from './store.ts'
import { createWholeChunks } from './whole-chunks.ts'

/** Chunks that are looked for at once: as many as keep the disk busy. */
const AT_ONCE = 32

/** An origin makes no room, so nobody asks what is there. */
const NO_ACCOUNT: ChunkAccount = {
  use: () => () => undefined,
  has: () => true,
  add: () => undefined,
  forget: () => undefined,
}

export interface OwnChunksParts {
  store: LocalStore
  check: IsWhole
  lost: LostChunks
}

/** The chunks of an origin, which nobody else has: verified before they are read, and noted as lost where they are not whole. */
export interface OwnChunks {
  openChunk(digest: string): Promise<LocalChunk | null>
  /** How many chunks were found damaged since the start, by reading. */
  damaged(): number
  /** The store of an origin: what is put again is lost no more. */
  store: ChunkStore
  /** Opens no body of which a chunk is known to be lost, or is not there. What is damaged shows when it is read. */
  guard(open: OpenBody): OpenBody
  hasBytes: HasBytes
}

export function createOwnChunks({ store, check, lost }: OwnChunksParts): OwnChunks {
  const whole = createWholeChunks({ store, check, account: NO_ACCOUNT })

  async function openChunk(digest: string): Promise<LocalChunk | null> {
    const chunk = await whole.open(digest)
    if (!chunk) await lost.add(digest)
    else if (lost.has(digest)) await lost.heal(digest)
    return chunk
  }

  /** Whether a chunk is here, as far as can be told without reading it. */
  async function isThere({ digest, length }: Piece): Promise<boolean> {
    if (digest === null) return true
    const state = await store.look(digest)
    if (state?.size === length && !lost.has(digest)) return true
    const opened = await openChunk(digest)
    opened?.release()
    return opened !== null
  }

  async function areThere(chunks: Piece[]): Promise<boolean> {
    for (let i = 0; i < chunks.length; i += AT_ONCE) {
      const found = await Promise.all(chunks.slice(i, i + AT_ONCE).map(isThere))
      if (found.includes(false)) return false
    }
    return true
  }

  return {
    openChunk,
    damaged: whole.damaged,

    store: {
      ...store,
      delete: whole.remove,
      async get(digest, span) {
        const chunk = await openChunk(digest)
        if (!chunk) return null
        return chunkStream(chunk, span ?? { offset: 0, length: chunk.state.size })
      },
      async put(digest, bytes) {
        await whole.put(digest, bytes)
        await lost.heal(digest)
      },
    },

    guard: (open) => async (content, range) => {
      // The first is opened anyway.
      const [, ...others] = chunksIn(content, range)
      return (await areThere(others)) ? open(content, range) : null
    },

    hasBytes: (content) => areThere([...pieces(content, { offset: 0, length: content.size })]),
  }
}

/** The chunks that a range touches, each as one whole piece. */
function chunksIn(content: Content, { offset, length }: Span): Piece[] {
  const start = offset - (offset % content.chunkSize)
  const end = Math.ceil((offset + length) / content.chunkSize) * content.chunkSize
  return [...pieces(content, { offset: start, length: end - start })]
}
