import { getLogger } from '@logtape/logtape'
import type { OpenBody, Walk } from '../blobs/body.ts'
import type { Digester } from '../blobs/digest.ts'
import { type Piece, pieces } from '../blobs/manifest.ts'
import type { Manifests } from '../blobs/manifests.ts'
import type { OpenChunk } from '../blobs/open-files.ts'
import { chunkStream } from '../blobs/chunk-stream.ts'
import type { ChunkStore, Span } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import { createResidency } from './residency.ts'
import type { Upstream } from './upstream.ts'

/** Chunks that are fetched ahead of a reader. */
const WINDOW = 4
const ATTEMPTS = 3
const ABSENT_MS = 30_000

const log = getLogger(['heliostat', 'read-through'])

type LocalChunk = OpenChunk & { changedAt(): Promise<number> }

/** The part of an edge's store that lies on this machine. */
export interface LocalChunks extends ChunkStore {
  openChunk(digest: string): Promise<LocalChunk | null>
  /** Takes a damaged chunk out of the way, but keeps it for whoever wants to know why. */
  quarantine(digest: string): Promise<void>
}

export interface ReadThroughParts {
  local: LocalChunks
  upstream: Upstream
  manifests: Pick<Manifests, 'sizeOfChunk'>
  digester: Pick<Digester, 'sha256'>
  /** Bytes that chunks may take on this machine. */
  limit: number
  isPinned(digest: string): boolean
}

/** Counted since the start. Bytes by where they came from. */
export interface ReadThroughCounters {
  hits: number
  misses: number
  coalesced: number
  corrupt: number
  upstreamBytes: number
  streamedThrough: number
}

/** Chunks that are here or are fetched when they are asked for. No byte leaves before its chunk has been verified. */
export type ReadThrough = ReturnType<typeof createReadThrough>

export function createReadThrough(parts: ReadThroughParts) {
  const { local, upstream, manifests, digester } = parts
  const counters: ReadThroughCounters = {
    hits: 0,
    misses: 0,
    coalesced: 0,
    corrupt: 0,
    upstreamBytes: 0,
    streamedThrough: 0,
  }
  const residency = createResidency({
    limit: parts.limit,
    isPinned: parts.isPinned,
    remove: (digest) => local.delete(digest),
  })
  const running = new Map<string, Promise<Uint8Array>>()
  const absentUntil = new Map<string, number>()
  /** When a chunk's file was last changed at the time when it was found to be whole. */
  const verified = new Map<string, number>()
  const verifying = new Map<string, Promise<boolean>>()
  /** What readers have had fetched ahead, for as long as they may want it: it need not be stored. */
  const held = new Map<string, { filling: Promise<Uint8Array>; holders: number }>()

  async function openLocal(digest: string): Promise<OpenChunk | null> {
    const release = residency.use(digest)
    const chunk = await local.openChunk(digest)
    if (chunk && (await isWhole(digest, chunk))) return releasing(chunk, release)
    release()
    if (!chunk) return null
    chunk.release()
    await discardDamaged(digest)
    return null
  }

  /** Whether a chunk is what its name says, as far as it has not been found to be since its file last changed. */
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
    const size = (await manifests.sizeOfChunk(digest)) ?? 0
    const bytes = new Uint8Array(size)
    const length = await readFully(chunk, bytes)
    if (length !== size || (await digester.sha256(bytes)) !== digest) return false
    verified.set(digest, changedAt)
    residency.add(digest, size)
    return true
  }

  async function discardDamaged(digest: string): Promise<void> {
    counters.corrupt++
    log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    verified.delete(digest)
    residency.forget(digest)
    await local.quarantine(digest)
  }

  /** One fetch a chunk, whoever asks and whether or not he is still there when it ends. */
  function fill(digest: string): Promise<Uint8Array> {
    const known = running.get(digest)
    if (known) {
      counters.coalesced++
      return known
    }
    counters.misses++
    const filling = fetchAndKeep(digest).finally(() => running.delete(digest))
    running.set(digest, filling)
    return filling
  }

  async function fetchAndKeep(digest: string): Promise<Uint8Array> {
    const size = await manifests.sizeOfChunk(digest)
    if (size === null) throw unknownChunk(digest)
    const fits = await residency.reserve(size)
    try {
      const bytes = await fetchVerified(digest, size)
      if (fits) await keep(digest, bytes)
      else counters.streamedThrough++
      return bytes
    } finally {
      if (fits) residency.settle(size)
    }
  }

  async function keep(digest: string, bytes: Uint8Array): Promise<void> {
    try {
      await local.put(digest, bytes)
      residency.add(digest, bytes.length)
    } catch (error) {
      counters.streamedThrough++
      log.error('Chunk {digest} cannot be stored, and is only passed on: {reason}', {
        digest,
        reason: String(error),
      })
    }
  }

  async function fetchVerified(digest: string, size: number): Promise<Uint8Array> {
    if ((absentUntil.get(digest) ?? 0) > Date.now()) throw unknownChunk(digest)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const bytes = await upstream.chunk(digest, size)
      if (bytes === null) {
        absentUntil.set(digest, Date.now() + ABSENT_MS)
        throw unknownChunk(digest)
      }
      counters.upstreamBytes += bytes.length
      if ((await digester.sha256(bytes)) === digest) return bytes
      counters.corrupt++
      log.error('Chunk {digest} came damaged from upstream, attempt {attempt}', { digest, attempt })
    }
    throw new HeliostatError('unavailable', 'A part of the image comes damaged from upstream', {
      headers: { 'Retry-After': '30' },
    })
  }

  async function openChunk(digest: string): Promise<OpenChunk> {
    const here = running.has(digest) ? null : await openLocal(digest)
    if (here) {
      counters.hits++
      return here
    }
    return inMemory(await (held.get(digest)?.filling ?? fill(digest)))
  }

  function hold(digest: string): void {
    const entry = held.get(digest) ?? { filling: fill(digest), holders: 0 }
    entry.holders++
    held.set(digest, entry)
    // It shows when the reader gets there.
    entry.filling.catch(() => undefined)
  }

  function letGo(digest: string): void {
    const entry = held.get(digest)
    if (entry && --entry.holders === 0) held.delete(digest)
  }

  /** Fetches what a reader will want next while he takes what he has. */
  const walk: Walk = function* walkAhead(content, range) {
    const ahead: { piece: Piece; holding: string | null }[] = []
    try {
      for (const piece of pieces(content, range)) {
        const { digest } = piece
        const holding = digest !== null && !residency.has(digest) ? digest : null
        if (holding !== null) hold(holding)
        ahead.push({ piece, holding })
        if (ahead.length > WINDOW) yield* next(ahead)
      }
      while (ahead.length > 0) yield* next(ahead)
    } finally {
      for (const { holding } of ahead) if (holding !== null) letGo(holding)
    }
  }

  function* next(ahead: { piece: Piece; holding: string | null }[]): Generator<Piece> {
    const [first] = ahead
    if (first) yield first.piece
    // Asked for the next one, the reader is done with this one.
    ahead.shift()
    if (first && first.holding !== null) letGo(first.holding)
  }

  return {
    openChunk,
    get: async (digest: string, span?: Span) =>
      chunkStream(
        await openChunk(digest),
        span ?? { offset: 0, length: (await manifests.sizeOfChunk(digest)) ?? 0 },
      ),
    walk,
    counters: () => ({ ...counters }),
    residency,

    /** Refuses a range that cannot be had whole [503] before anything of it is sent. */
    guard:
      (open: OpenBody): OpenBody =>
      async (content, range) => {
        if (upstream.isDown()) await requireResident(pieces(content, range))
        return open(content, range)
      },

    /** Notes what is in the store at the start. */
    async load(): Promise<void> {
      for await (const { digest } of local.list()) {
        residency.add(digest, (await manifests.sizeOfChunk(digest)) ?? 0)
      }
    },

    /** Has a chunk here, fetched if need be. */
    async ensure(digest: string): Promise<void> {
      if (!residency.has(digest)) await fill(digest)
    },

    /** For the sweeper, which removes what no image needs any more. */
    async remove(digest: string): Promise<void> {
      residency.forget(digest)
      await local.delete(digest)
    },
  }

  async function requireResident(wanted: Iterable<{ digest: string | null }>): Promise<void> {
    for (const { digest } of wanted) {
      if (digest === null || residency.has(digest)) continue
      // Says when to come back, since no upstream can be asked.
      await upstream.chunk(digest, 0)
    }
  }
}

function releasing(chunk: OpenChunk, release: () => void): OpenChunk {
  return {
    read: (buffer, position) => chunk.read(buffer, position),
    release() {
      chunk.release()
      release()
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

async function readFully(chunk: OpenChunk, bytes: Uint8Array): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const read = await chunk.read(bytes.subarray(done), done)
    if (read === 0) break
    done += read
  }
  return done
}

function unknownChunk(digest: string): HeliostatError {
  return new HeliostatError('unavailable', `A part of the image is nowhere to be had: ${digest}`, {
    headers: { 'Retry-After': String(ABSENT_MS / 1000) },
  })
}
