import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'
import type { IsWhole } from './check.ts'
import { examine } from './examine.ts'
import type { LostChunks } from './lost-chunks.ts'
import type { LocalStore } from './store.ts'

/** A start has better things to do than to read the whole store. */
const FIRST_PAUSE_MS = 60_000
/** A small store is not read over and over. */
const ROUND_PAUSE_MS = 60 * 60_000
const SAVE_MS = 30_000

const log = getLogger(['heliostat', 'scrub'])

/** What a scrubber must still know after a restart, or go on from where another process left it. */
export interface ScrubNotes {
  /** The last chunk that was looked at in a round that has not ended; empty between rounds. */
  position: string
  /** Chunks that were found damaged and cannot be had again. */
  readonly lost: Set<string>
  save(): Promise<void>
  /** Takes over what has been written down meanwhile. */
  load(): Promise<void>
}

export interface ScrubParts {
  store: Pick<LocalStore, 'openChunk' | 'list'>
  /** Takes a damaged chunk out of the way; false where it has gone by itself. */
  quarantine: LocalStore['quarantine']
  /** Has a chunk here again; null at the origin, where nobody else has it. */
  refetch: ((digest: string) => Promise<void>) | null
  /** Null for chunks that nothing needs: they are the sweeper's. */
  sizeOfChunk(digest: string): Promise<number | null>
  check: IsWhole
  lost: Pick<LostChunks, 'add'>
  notes: ScrubNotes
  /** Whether it is this process that scrubs, of those that share the store. */
  isOurs(): boolean
  /** Mbit/s that it reads at most; Infinity for as fast as it goes, 0 for not at all. */
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
export interface Scrubber {
  counters(): ScrubCounters
  /** One round, from where the last one was left to the end of the store. */
  round(): Promise<void>
  /** Scrubs round by round until stopped. A failure is told, and the round goes on later. */
  run(): Promise<void>
  stop(): void
}

export function createScrubber(parts: ScrubParts): Scrubber {
  const { store, sizeOfChunk, notes, rate } = parts
  const stop = new AbortController()
  const counters: ScrubCounters = { chunks: 0, bytes: 0, damaged: 0, refetched: 0 }

  async function check(digest: string): Promise<void> {
    const size = await sizeOfChunk(digest)
    const found = size === null ? null : await examine(parts, digest)
    if (size === null || found === null) return
    counters.chunks++
    counters.bytes += size
    if (!found.isWhole) await mend(digest, found.stamp)
    await sleep((size * 8) / (rate * 1000), stop.signal)
  }

  async function mend(digest: string, stamp: string | null): Promise<void> {
    if (!(await parts.quarantine(digest, stamp))) return
    counters.damaged++
    if (!parts.refetch) return parts.lost.add(digest)
    log.error('Chunk {digest} is damaged on this machine: fetched again', { digest })
    const refetching = tryRefetch(parts.refetch, digest)
    if (await Promise.race([refetching, aborted(stop.signal)])) counters.refetched++
  }

  async function round(): Promise<void> {
    await notes.load()
    let savedAt = performance.now()
    for await (const { digest } of store.list(notes.position)) {
      if (stop.signal.aborted || !parts.isOurs()) return notes.save()
      await check(digest)
      notes.position = digest
      if (performance.now() - savedAt < SAVE_MS) continue
      await notes.save()
      savedAt = performance.now()
    }
    notes.position = ''
    await notes.save()
  }

  return {
    counters: () => ({ ...counters }),
    round,

    async run() {
      if (rate === 0) return
      await sleep(FIRST_PAUSE_MS, stop.signal)
      while (!stop.signal.aborted) {
        const isOurs = parts.isOurs()
        if (isOurs) {
          await round().catch((error: unknown) => {
            log.error('Scrubbing failed: {reason}', { reason: reasonOf(error) })
          })
        }
        await sleep(isOurs ? ROUND_PAUSE_MS : FIRST_PAUSE_MS, stop.signal)
      }
    },

    stop: () => stop.abort(),
  }
}

/** Whether the chunk is here again. */
async function tryRefetch(
  refetch: (digest: string) => Promise<void>,
  digest: string,
): Promise<boolean> {
  try {
    await refetch(digest)
    return true
  } catch (error) {
    // Then it is fetched when somebody asks for it.
    log.warn('Chunk {digest} cannot be had now: {reason}', { digest, reason: reasonOf(error) })
    return false
  }
}

function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true })
  })
}
