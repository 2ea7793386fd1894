import { getLogger } from '@logtape/logtape'
import type { Digester } from '../../blobs/digest.ts'
import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import { createTurns } from '../../turns.ts'
import type { Upstream } from '../upstream/client.ts'
import { createAbsences } from './absences.ts'
import type { LocalChunks } from './local-chunks.ts'
import type { RecentChunks } from './recent.ts'
import type { Residency } from './residency.ts'

/** More would share the link between ever thinner streams, none of which ends, and each takes the memory of a chunk. */
const AT_ONCE = 8
const ATTEMPTS = 3
const ABSENT_MS = 30_000

const log = getLogger(['heliostat', 'filling'])

export interface FillingParts {
  upstream: Pick<Upstream, 'chunk'>
  local: Pick<LocalChunks, 'keep' | 'claimUnlessHere'>
  residency: Pick<Residency, 'reserve' | 'settle'>
  sizeOfChunk(digest: string): Promise<number | null>
  digester: Pick<Digester, 'sha256' | 'memory'>
  recent: Pick<RecentChunks, 'add'>
}

/** There is a chunk that nobody has whole, though everybody answers who may have it. */
export class NowhereError extends HeliostatError {}

/** Counted since the start. */
export interface FillCounters {
  /** Chunks that had to be fetched. */
  misses: number
  /** Requests that waited for a fetch that was under way. */
  coalesced: number
  /** Chunks that came damaged. */
  corrupt: number
  upstreamBytes: number
  /** Chunks that were passed on without being stored, for want of room. */
  streamedThrough: number
}

/** Fetches chunks from upstream, each once, whoever asks and whether or not he is still there when it has come. */
export interface Filling {
  counters(): FillCounters
  isRunning(digest: string): boolean
  /** Has the chunk stored, verified. Resolves with its bytes where there is no room for it, and with null otherwise. */
  fill(digest: string): Promise<Uint8Array | null>
}

export function createFilling(parts: FillingParts): Filling {
  const { local, residency, sizeOfChunk, digester, recent } = parts
  const counters = { misses: 0, coalesced: 0, corrupt: 0, upstreamBytes: 0, streamedThrough: 0 }
  const fetchVerified = createFetch(parts, counters)
  const running = new Map<string, Promise<Uint8Array | null>>()
  const inTurn = createTurns(AT_ONCE)

  async function fetchAndKeep(digest: string): Promise<Uint8Array | null> {
    const size = await sizeOfChunk(digest)
    if (size === null) throw nowhere(digest)
    const claim = await local.claimUnlessHere(digest)
    if (claim === null) return null
    const fits = await residency.reserve(size)
    const memory = digester.memory.take(size)
    let retaken: (() => void) | undefined
    try {
      const bytes = await fetchVerified(digest, memory)
      if (fits && (await keep(local, digest, bytes))) {
        retaken = recent.add(digest, bytes)
        return null
      }
      counters.streamedThrough++
      return bytes.slice()
    } finally {
      digester.memory.giveBack(memory, retaken)
      if (fits) residency.settle(size)
      await claim()
    }
  }

  return {
    counters: () => ({ ...counters }),
    isRunning: (digest) => running.has(digest),

    fill(digest) {
      const known = running.get(digest)
      if (known) {
        counters.coalesced++
        return known
      }
      counters.misses++
      const filling = inTurn(() => fetchAndKeep(digest)).finally(() => running.delete(digest))
      running.set(digest, filling)
      return filling
    },
  }
}

/** Fetches a chunk into memory of its size, and verifies it; again where it came damaged. */
function createFetch({ upstream, digester }: FillingParts, counters: FillCounters) {
  const absences = createAbsences(ABSENT_MS)
  return async (digest: string, memory: Uint8Array): Promise<Uint8Array> => {
    if (absences.has(digest)) throw nowhere(digest)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      let came = false
      // Its length too: a manifest may say another one than its bytes have, which no answer could keep to.
      const isWhole = async (bytes: Uint8Array) => {
        came = true
        counters.upstreamBytes += bytes.length
        if (bytes.length === memory.length && (await digester.sha256(bytes)) === digest) return true
        counters.corrupt++
        log.error('Chunk {digest} came damaged from upstream, attempt {attempt}', {
          digest,
          attempt,
        })
        return false
      }
      const bytes = await upstream.chunk(digest, memory, { fresh: attempt > 1, isWhole })
      if (bytes !== null) return bytes
      if (came) continue
      absences.add(digest)
      throw nowhere(digest)
    }
    throw notToBeHad('A part of the image comes damaged from upstream')
  }
}

async function keep(
  local: Pick<LocalChunks, 'keep'>,
  digest: string,
  bytes: Uint8Array,
): Promise<boolean> {
  try {
    await local.keep(digest, bytes)
    return true
  } catch (error) {
    const reason = reasonOf(error)
    log.error('Chunk {digest} cannot be stored, only passed on: {reason}', { digest, reason })
    return false
  }
}

function nowhere(digest: string): NowhereError {
  return notToBeHad(`A part of the image is nowhere to be had: ${digest}`)
}

function notToBeHad(message: string): NowhereError {
  return new NowhereError('unavailable', message, {
    headers: { 'Retry-After': String(ABSENT_MS / 1000) },
  })
}
