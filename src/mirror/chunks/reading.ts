import type { OpenBody, Walk } from '../../blobs/body.ts'
import { chunkStream } from '../../blobs/chunk-stream.ts'
import type { OpenChunk } from '../../blobs/local/store.ts'
import { type Piece, pieces } from '../../blobs/manifest.ts'
import type { Span } from '../../blobs/store.ts'
import type { EdgeAccount } from './account.ts'
import type { Filling } from './filling.ts'
import type { LocalChunks } from './local-chunks.ts'
import { createReadAhead, type ReadAhead } from './read-ahead.ts'
import { readFrom, type RecentChunks } from './recent.ts'

/** A read up to this is as quick from its file, which sees to it that others have their turn. */
const SMALL = 64 << 10
/** How often a chunk is fetched for one reader. */
const ATTEMPTS = 3

export interface ReadingParts {
  account: Pick<EdgeAccount, 'has'>
  local: Pick<LocalChunks, 'open'>
  filling: Pick<Filling, 'fill' | 'isRunning'>
  sizeOfChunk(digest: string): Promise<number | null>
  /** Null where another process fetches. */
  recent: Pick<RecentChunks, 'read'> | null
  /** Bytes that the chunks which readers have had fetched ahead may take. */
  limit: number
}

/** Reads chunks, and has those fetched that are not here. No byte leaves before its chunk has been verified. */
export interface Reading {
  openChunk(digest: string): Promise<OpenChunk>
  get(digest: string, span?: Span): Promise<ReadableStream<Uint8Array>>
  /** The pieces of a range, the next ones of which are fetched while the reader takes the one he has. */
  walk: Walk
  /** Refuses a range that cannot be had whole [503] before anything of it is sent. */
  guard(open: OpenBody): OpenBody
  ahead: Pick<ReadAhead, 'isWanted' | 'wanted'>
  /** Has a chunk fetched, unless somebody has done so already. Resolves with its bytes where there was no room for it. */
  fill(digest: string): Promise<Uint8Array | null>
  /** Chunks that were here when they were asked for. */
  hits(): number
}

export function createReading(parts: ReadingParts): Reading {
  const { account, local, filling, sizeOfChunk, recent, limit } = parts
  const readAhead = createReadAhead({ isResident: account.has, fill: filling.fill, limit })
  const fill = (digest: string) => readAhead.held(digest) ?? filling.fill(digest)
  let hits = 0

  async function openChunk(digest: string): Promise<OpenChunk> {
    const here = filling.isRunning(digest) ? null : await local.open(digest)
    if (here) hits++
    const chunk = here ?? (await openFilled(digest))
    return recent ? readFirst(recent, digest, chunk) : chunk
  }

  /** What has been stored may have made room for something else by the time that it is opened. */
  async function openFilled(digest: string): Promise<OpenChunk> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const bytes = await fill(digest)
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
    ahead: readAhead,
    fill,
    hits: () => hits,

    async get(digest, span) {
      const chunk = await openChunk(digest)
      const whole = { offset: 0, length: (await sizeOfChunk(digest)) ?? 0 }
      return chunkStream(chunk, span ?? whole)
    },

    guard: (open) => async (content, range) => {
      await fetchFirstGap(pieces(content, range))
      return open(content, range)
    },
  }
}

/** The same chunk, of which no more is read from the disk than is not in memory. */
function readFirst(
  recent: Pick<RecentChunks, 'read'>,
  digest: string,
  { read, release }: OpenChunk,
): OpenChunk {
  return {
    read: async (buffer, position) =>
      (buffer.length > SMALL ? recent.read(digest, buffer, position) : null) ??
      (await read(buffer, position)),
    release,
  }
}

function inMemory(bytes: Uint8Array): OpenChunk {
  return {
    read: async (buffer, position) => readFrom(bytes, buffer, position),
    release: () => undefined,
  }
}
