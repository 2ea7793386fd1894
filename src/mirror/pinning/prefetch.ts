import { getLogger } from '@logtape/logtape'
import { createPace } from '../../pace.ts'
import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'
import { UnreachableError } from '../upstream/site-failures.ts'
import type { Pins } from './pins.ts'
import type { Wanted } from './plan.ts'
import { type DailyWindow, isWithin } from './window.ts'

const AT_ONCE = 4
/** How soon the clock and the store are looked at again. */
const PAUSE_MS = 5_000
/** What does not get on is tried again after a pause that grows up to this. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS: Partial<Record<PrefetchStatus['state'], number>> = {
  failed: 30_000,
  // What cannot be kept is fetched in vain each time.
  'no room': 300_000,
}

const log = getLogger(['heliostat', 'prefetch'])

/** How far an image is: bytes that are here, and bytes that it takes. */
export interface PrefetchProgress {
  image_id: string
  done: number
  total: number
}

export interface PrefetchStatus {
  state: 'idle' | 'fetching' | 'outside the window' | 'no room' | 'failed'
  /** Every pinned image that is not all here, the one being fetched first. */
  queue: PrefetchProgress[]
  /** Images that do not fit beside the other pinned ones. */
  tooLarge: string[]
  error: string | null
}

export interface PrefetchParts {
  pins: Pick<Pins, 'unfinished' | 'plan' | 'isPinned' | 'onChange'>
  has(digest: string): boolean
  /** Has a chunk here, fetched if need be. */
  ensure(digest: string): Promise<void>
  /** Megabits a second; Infinity for as fast as it goes. */
  mbits: number
  window: DailyWindow | null
  /** Milliseconds that an image stays in the queue before it is fetched. */
  gather: number
}

/** Fetches the images that are pinned, one after the other. What is here already tells where it has to go on. */
export interface Prefetcher {
  status(): PrefetchStatus
  /** Fetches until it is stopped. */
  run(): Promise<void>
  stop(): void
}

export function createPrefetcher(parts: PrefetchParts): Prefetcher {
  const { pins, has, window } = parts
  const stop = new AbortController()
  const { signal } = stop
  const bell = createBell(signal)
  let state: PrefetchStatus['state'] = 'idle'
  let failure: string | null = null
  pins.onChange(bell.ring)

  const mayFetch = () => !signal.aborted && isWithin(window, new Date())
  const fetchImage = createImageFetch(parts, { mayFetch, signal, stopped: bell.stopped })

  /** Fetches each image once. One that cannot be had does not keep the others from being fetched. */
  async function round(): Promise<PrefetchStatus['state']> {
    failure = null
    for (const image of pins.unfinished()) {
      if (signal.aborted) break
      if (!mayFetch()) return 'outside the window'
      state = 'fetching'
      try {
        await fetchImage(image)
      } catch (error) {
        failure = reasonOf(error)
        // Then no other can be had, and it has been told.
        if (error instanceof UnreachableError) return 'failed'
        log.warn('Cannot fetch pinned image {id}: {reason}', { id: image.id, reason: failure })
      }
    }
    if (pins.unfinished().length === 0) return 'idle'
    if (!mayFetch()) return 'outside the window'
    return failure === null ? 'no room' : 'failed'
  }

  return {
    status: () => ({
      state,
      queue: pins.unfinished().map((image) => progressOf(image, has)),
      tooLarge: pins.plan().tooLarge,
      error: failure,
    }),

    async run() {
      let pause = FIRST_PAUSE_MS
      while (!signal.aborted) {
        state = await round()
        const longest = LONGEST_PAUSE_MS[state]
        await bell.wait(longest === undefined ? PAUSE_MS : Math.min(pause, longest))
        pause = longest === undefined ? FIRST_PAUSE_MS : pause * 2
        await sleep(parts.gather, signal)
      }
    },

    stop: () => stop.abort(),
  }
}

interface Conduct {
  mayFetch(): boolean
  signal: AbortSignal
  stopped: Promise<void>
}

/** Fetches what is missing of an image, until it is complete or nothing more may be, or can be, fetched. */
function createImageFetch(
  { pins, has, ensure, mbits }: PrefetchParts,
  { mayFetch, signal, stopped }: Conduct,
) {
  const pace = createPace(mbits, signal)
  return async ({ id, chunks }: Wanted): Promise<void> => {
    const missing = [...chunks].filter(([digest]) => !has(digest))
    log.debug('Fetching pinned image {id}: {chunks} chunks', { id, chunks: missing.length })
    const queue = missing.values()
    let ended = false
    const fetchNext = async (): Promise<void> => {
      for (const [digest, size] of queue) {
        const isWanted = () => !ended && mayFetch() && pins.isPinned(digest)
        await pace(size, isWanted)
        if (!isWanted()) return
        await Promise.race([ensure(digest), stopped]).catch((error: unknown) => {
          ended = true
          throw error
        })
        // It came but could not be kept: without room the rest need not come at all.
        ended ||= !has(digest)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, fetchNext))
  }
}

function progressOf({ id, chunks }: Wanted, has: (digest: string) => boolean): PrefetchProgress {
  const progress = { image_id: id, done: 0, total: 0 }
  for (const [digest, size] of chunks) {
    progress.total += size
    if (has(digest)) progress.done += size
  }
  return progress
}

/** Something to wait for that others may cut short. */
function createBell(signal: AbortSignal) {
  let wake: () => void = () => undefined
  let rung = false
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  const ring = () => {
    rung = true
    wake()
  }
  return {
    ring,
    stopped,
    /** Returns at once when it was rung since the last wait. */
    async wait(milliseconds: number): Promise<void> {
      const awake = new Promise<void>((resolve) => (wake = resolve))
      const timer = setTimeout(wake, milliseconds)
      if (!rung) await Promise.race([awake, stopped])
      rung = false
      clearTimeout(timer)
    },
  }
}
