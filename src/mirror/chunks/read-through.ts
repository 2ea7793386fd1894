import type { OpenBody } from '../../blobs/body.ts'
import type { IsWhole } from '../../blobs/local/check.ts'
import { chunkStream } from '../../blobs/chunk-stream.ts'
import type { Digester } from '../../blobs/digest.ts'
import { type Piece, pieces } from '../../blobs/manifest.ts'
import type { LocalStore } from '../../blobs/local/store.ts'
import type { OpenChunk } from '../../blobs/fs/open-files.ts'
import type { Span } from '../../blobs/store.ts'
import { createFilling } from './filling.ts'
import { createLocalChunks } from './local-chunks.ts'
import { createReadAhead } from './read-ahead.ts'
import { createResidency } from './residency.ts'
import type { Upstream } from '../upstream/client.ts'

export interface ReadThroughParts {
  local: LocalStore
  upstream: Pick<Upstream, 'chunk'>
  manifests: { sizeOfChunk(digest: string): Promise<number | null> }
  digester: Pick<Digester, 'sha256' | 'allocate'>
  check: IsWhole
  /** Bytes that chunks may take on this machine. */
  limit: number
  isPinned(digest: string): boolean
}

/** Chunks that are here or are fetched when they are asked for. No byte leaves before its chunk has been verified. */
export type ReadThrough = ReturnType<typeof createReadThrough>

export function createReadThrough(parts: ReadThroughParts) {
  const { upstream, digester, manifests, check } = parts
  const { sizeOfChunk } = manifests
  const residency = createResidency({
    limit: parts.limit,
    isPinned: parts.isPinned,
    remove: (digest) => local.remove(digest),
  })
  const local = createLocalChunks({ store: parts.local, sizeOfChunk, check, residency })
  const filling = createFilling({ upstream, local, residency, sizeOfChunk, digester })
  const readAhead = createReadAhead(residency.has, filling.fill)
  let hits = 0

  async function openChunk(digest: string): Promise<OpenChunk> {
    const here = filling.isRunning(digest) ? null : await local.open(digest)
    if (here) {
      hits++
      return here
    }
    const bytes = await (readAhead.held(digest) ?? filling.fill(digest))
    // From the disk, where it lies by now: a reader who takes his time would keep it in memory.
    return (await local.open(digest)) ?? inMemory(bytes)
  }

  /** Throws when the upstream cannot be reached. The very first piece is left to whoever opens the body. */
  async function fetchFirstGap(wanted: Iterable<Piece>): Promise<void> {
    let isFirst = true
    for (const { digest } of wanted) {
      const isGap = digest !== null && !residency.has(digest)
      if (isGap && !isFirst) await filling.fill(digest)
      if (isGap) return
      isFirst = false
    }
  }

  return {
    openChunk,
    walk: readAhead.walk,
    residency,
    load: local.load,
    /** For the sweeper, which removes what no image needs any more. */
    remove: residency.remove,

    /** Counted since the start. */
    counters() {
      const fills = filling.counters()
      return { hits, ...fills, corrupt: fills.corrupt + local.damaged() }
    },

    async get(digest: string, span?: Span): Promise<ReadableStream<Uint8Array>> {
      const chunk = await openChunk(digest)
      const whole = { offset: 0, length: (await sizeOfChunk(digest)) ?? 0 }
      return chunkStream(chunk, span ?? whole)
    },

    /** Has a chunk here, fetched if need be. */
    async ensure(digest: string): Promise<void> {
      if (!residency.has(digest)) await filling.fill(digest)
    },

    /** Refuses a range that cannot be had whole [503] before anything of it is sent. */
    guard:
      (open: OpenBody): OpenBody =>
      async (content, range) => {
        await fetchFirstGap(pieces(content, range))
        return open(content, range)
      },
  }
}

function inMemory(bytes: Uint8Array): OpenChunk {
  return {
    async read(buffer, position) {
      const part = bytes.subarray(position, position + buffer.length)
      buffer.set(part)
      return part.length
    },
    release: () => undefined,
  }
}
