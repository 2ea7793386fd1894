import { getLogger } from '@logtape/logtape'
import type { Digester } from '../blobs/digest.ts'
import type { ScrubNotes } from './scrub-notes.ts'
import type { LocalStore } from './local-chunks.ts'
import { sleep } from './sleep.ts'
import { isUnreadable, readFully } from './verified.ts'

/** A start has better things to do than to read the whole store. */
const FIRST_PAUSE_MS = 60_000
/** A small store is not read over and over. */
const ROUND_PAUSE_MS = 60 * 60_000
const SAVE_MS = 30_000

const log = getLogger(['heliostat', 'scrub'])

export interface ScrubParts {
  store: Pick<LocalStore, 'openChunk' | 'list'>
  /** Takes a damaged chunk out of the way. */
  quarantine(digest: string): Promise<void>
  /** Has a chunk here again; null at the origin, where nobody else has it. */
  refetch: ((digest: string) => Promise<void>) | null
  /** Null for chunks that nothing needs: they are the sweeper's. */
  sizeOfChunk(digest: string): Promise<number | null>
  digester: Pick<Digester, 'sha256' | 'allocate'>
  notes: ScrubNotes
  /** Mbit/s that it reads at most; 0 for not at all. */
  rate: number
}

/** Counted since the start. */
export interface ScrubCounters {
  chunks: number
  bytes: number
  damaged: number
  refetched: number
}

/** Reads the store slowly, chunk by chunk, so that damage is found before somebody needs what is damaged. */
export type Scrubber = Awaited<ReturnType<typeof openScrubber>>

export async function openScrubber(parts: ScrubParts) {
  const { store, sizeOfChunk, notes, rate } = parts
  const reader = createReader(parts)
  const stop = new AbortController()
  const counters: ScrubCounters = { chunks: 0, bytes: 0, damaged: 0, refetched: 0 }
  const lost = new Set((await notes.load()).lost)

  async function check(digest: string): Promise<void> {
    const size = await sizeOfChunk(digest)
    const whole = size === null ? null : await reader.isWhole(digest, size)
    if (size === null || whole === null) return
    counters.chunks++
    counters.bytes += size
    if (!whole) await mend(digest)
    await sleep((size * 8) / (rate * 1000), stop.signal)
  }

  async function mend(digest: string): Promise<void> {
    counters.damaged++
    await parts.quarantine(digest)
    if (!parts.refetch) {
      lost.add(digest)
      log.error('Chunk {digest} is damaged and lost: upload an image that has it again', { digest })
      return
    }
    log.error('Chunk {digest} is damaged on this machine: fetched again', { digest })
    const refetching = isRefetched(parts.refetch, digest)
    if (await Promise.race([refetching, aborted(stop.signal)])) counters.refetched++
  }

  /** One round, from where the last one was left to the end of the store. */
  async function round(): Promise<void> {
    let { position } = await notes.load()
    let savedAt = Date.now()
    const save = async () => notes.save({ position, lost: [...lost] })
    for await (const { digest } of store.list(position)) {
      if (stop.signal.aborted) return save()
      const { damaged } = counters
      await check(digest)
      position = digest
      if (damaged === counters.damaged && Date.now() - savedAt < SAVE_MS) continue
      await save()
      savedAt = Date.now()
    }
    position = ''
    await save()
  }

  return {
    counters: (): ScrubCounters => ({ ...counters }),
    round,
    /** How many chunks are damaged and cannot be had again. */
    lost: async () => (await withoutHealed(lost, parts)).size,

    /** Scrubs round by round until stopped. A failure is told, and the round goes on later. */
    async run(): Promise<void> {
      if (rate === 0) return
      await sleep(FIRST_PAUSE_MS, stop.signal)
      while (!stop.signal.aborted) {
        await round().catch((error: unknown) => {
          log.error('Scrubbing failed: {reason}', { reason: String(error) })
        })
        await sleep(ROUND_PAUSE_MS, stop.signal)
      }
    },

    stop: () => stop.abort(),
  }
}

async function isRefetched(
  refetch: (digest: string) => Promise<void>,
  digest: string,
): Promise<boolean> {
  try {
    await refetch(digest)
    return true
  } catch (error) {
    // Then it is fetched when somebody asks for it.
    log.warn('Chunk {digest} cannot be had now: {reason}', { digest, reason: String(error) })
    return false
  }
}

/** A chunk is no longer lost when it has been uploaded again, or when no image needs it any more. */
async function withoutHealed(
  lost: Set<string>,
  { store, sizeOfChunk }: Pick<ScrubParts, 'store' | 'sizeOfChunk'>,
): Promise<Set<string>> {
  for (const digest of lost) {
    const found = await store.openChunk(digest)
    found?.release()
    if (found || (await sizeOfChunk(digest)) === null) lost.delete(digest)
  }
  return lost
}

/** Reads chunks one after the other, all into the same memory. */
function createReader({ store, digester }: Pick<ScrubParts, 'store' | 'digester'>) {
  let memory = digester.allocate(0)

  return {
    /** Whether a chunk is what its name says; null for one that has gone meanwhile. */
    async isWhole(digest: string, size: number): Promise<boolean | null> {
      // With room for a byte too many, which would show that the file is longer.
      if (memory.length <= size) memory = digester.allocate(size + 1)
      try {
        const length = await readChunk(store, digest, memory.subarray(0, size + 1))
        if (length === null) return null
        return length === size && (await digester.sha256(memory.subarray(0, size))) === digest
      } catch (error) {
        if (isUnreadable(error)) return false
        throw error
      }
    },
  }
}

async function readChunk(
  store: ScrubParts['store'],
  digest: string,
  bytes: Uint8Array,
): Promise<number | null> {
  const chunk = await store.openChunk(digest)
  if (!chunk) return null
  try {
    return await readFully(chunk, bytes)
  } finally {
    chunk.release()
  }
}

function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true })
  })
}
