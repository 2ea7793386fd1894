import type { OpenBody, Walk } from '../../blobs/body.ts'
import { chunkStream } from '../../blobs/chunk-stream.ts'
import type { Digester } from '../../blobs/digest.ts'
import type { IsWhole } from '../../blobs/local/check.ts'
import type { LocalStore, OpenChunk } from '../../blobs/local/store.ts'
import { type Piece, pieces } from '../../blobs/manifest.ts'
import type { Span } from '../../blobs/store.ts'
import type { Upstream } from '../upstream/client.ts'
import type { EdgeAccount } from './account.ts'
import { createFilling, type FillCounters } from './filling.ts'
import { createLocalChunks, type LocalChunks } from './local-chunks.ts'
import { createReadAhead } from './read-ahead.ts'
import { createResidency, type Residency } from './residency.ts'

/** How often a chunk is fetched for one reader. */
const ATTEMPTS = 3

export interface ReadThroughParts {
  account: EdgeAccount
  local: LocalStore
  upstream: Pick<Upstream, 'chunk'>
  manifests: { sizeOfChunk(digest: string): Promise<number | null> }
  digester: Pick<Digester, 'sha256' | 'memory'>
  check: IsWhole
  /** Bytes that chunks may take on this machine. */
  limit: number
  isPinned(digest: string): boolean
}

/** Counted since the start. */
export interface ReadThroughCounters extends FillCounters {
  /** Chunks that were here when they were asked for. */
  hits: number
}

/** Chunks that are here or are fetched when they are asked for. No byte leaves before its chunk has been verified. */
export interface ReadThrough extends Pick<LocalChunks, 'load' | 'quarantine'> {
  openChunk(digest: string): Promise<OpenChunk>
  get(digest: string, span?: Span): Promise<ReadableStream<Uint8Array>>
  /** The pieces of a range, the next ones of which are fetched while the reader takes the one he has. */
  walk: Walk
  /** Has a chunk here, fetched if need be. */
  ensure(digest: string): Promise<void>
  /** Refuses a range that cannot be had whole [503] before anything of it is sent. */
  guard(open: OpenBody): OpenBody
  /** For the sweeper, which removes what no image needs any more. */
  remove(digest: string): Promise<void>
  room: Residency
  counters(): ReadThroughCounters
}

export function createReadThrough(parts: ReadThroughParts): ReadThrough {
  const { account, upstream, digester, manifests, check, limit, isPinned } = parts
  const { sizeOfChunk } = manifests
  const local = createLocalChunks({ store: parts.local, sizeOfChunk, check, account })
  const stays = (digest: string) => isPinned(digest) || readAhead.isWanted(digest)
  const residency = createResidency({ account, limit, isPinned: stays, remove: local.remove })
  const filling = createFilling({ upstream, local, residency, sizeOfChunk, digester })
  const readAhead = createReadAhead({ isResident: account.has, fill: filling.fill, limit })
  let hits = 0

  async function openChunk(digest: string): Promise<OpenChunk> {
    const here = filling.isRunning(digest) ? null : await local.open(digest)
    if (here) hits++
    return here ?? (await openFilled(digest))
  }

  /** What has been stored may have made room for something else by the time that it is opened. */
  async function openFilled(digest: string): Promise<OpenChunk> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const bytes = await (readAhead.held(digest) ?? filling.fill(digest))
      const opened = bytes ? inMemory(bytes) : await local.open(digest)
      if (opened) return opened
    }
    throw new Error(`Chunk ${digest} was stored ${ATTEMPTS} times, and is not to be had`)
  }

  /** Throws when the upstream cannot be reached. The very first piece is left to whoever opens the body. */
  async function fetchFirstGap(wanted: Iterable<Piece>): Promise<void> {
    let isFirst = true
    for (const { digest } of wanted) {
      const isGap = digest !== null && !account.has(digest)
      if (isGap && !isFirst) await filling.fill(digest)
      if (isGap) return
      isFirst = false
    }
  }

  return {
    openChunk,
    walk: readAhead.walk,
    load: local.load,
    quarantine: local.quarantine,
    remove: residency.remove,
    room: residency,

    counters() {
      const fills = filling.counters()
      return { hits, ...fills, corrupt: fills.corrupt + local.damaged() }
    },

    async get(digest, span) {
      const chunk = await openChunk(digest)
      const whole = { offset: 0, length: (await sizeOfChunk(digest)) ?? 0 }
      return chunkStream(chunk, span ?? whole)
    },

    async ensure(digest) {
      if (!account.has(digest)) await filling.fill(digest)
    },

    guard: (open) => async (content, range) => {
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
