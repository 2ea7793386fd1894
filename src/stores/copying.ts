import { getLogger } from '@logtape/logtape'
import { createClockWatch } from '../clock-watch.ts'
import { UPLOAD_LEASE_MS } from '../inventory/leases.ts'
import { reasonOf } from '../reason.ts'
import { sleep } from '../sleep.ts'
import { createTurns } from '../turns.ts'
import {
  type BegunCopy,
  type CopierParts,
  type CopyOptions,
  type CopyRows,
  type CopyTarget,
  endedByOthers,
} from './copy.ts'
import { urlFor } from './sink.ts'
import type { Store } from './store.ts'
import { transfer } from './transfer.ts'

/** How soon it is looked again whether what is in the way has gone. */
const RETRY_BUSY_MS = 200
/** Each holds a few chunks in memory. */
const COPIES_AT_ONCE = 2

const log = getLogger(['heliostat', 'copies'])

/** Copies the bytes of images into further stores, verified chunk by chunk. Safe with several processes. */
export interface Copier {
  /**
   * Resolves when the copy is active ('there': it was already; 'gone': the image is, or was deleted meanwhile). When it
   * throws, nothing of the copy is left but chunks, which the sweeper removes.
   */
  copy(imageId: string, store: Store, options?: CopyOptions): Promise<'copied' | 'there' | 'gone'>
  /** Removes the copies that processes which have died left behind. */
  recover(): Promise<void>
}

export function createCopier(parts: CopierParts): Copier {
  const { rows, looseObjects } = parts
  const running = new Set<BegunCopy>()
  const clock = createClockWatch(UPLOAD_LEASE_MS, rows.now)
  const inTurn = createTurns(COPIES_AT_ONCE)

  /** Whether any was removed. */
  async function removeDead(): Promise<boolean> {
    // After a suspend this process may come here before its own heartbeats do.
    await Promise.all([...running].map(rows.heartbeat))
    if (!(await clock.isSteady())) return false
    const dead = await rows.dead()
    for (const { id, imageId, store } of dead) {
      if (!(await rows.removeDead(id, Date.now()))) continue
      log.warn('A copy of image {image} into store {store} was left behind by a dead process', {
        image: imageId,
        store,
      })
    }
    return dead.length > 0
  }

  async function begin(target: CopyTarget, end: AbortSignal) {
    for (;;) {
      end.throwIfAborted()
      const begun = await rows.begin(target, Date.now())
      if (begun !== 'busy') return begun
      if (await removeDead()) await looseObjects.tryRemove()
      await sleep(RETRY_BUSY_MS, end)
    }
  }

  async function write(copy: BegunCopy, store: Store, run: Run): Promise<void> {
    running.add(copy)
    const beat = setInterval(() => void keepAlive(rows, copy, run.end), UPLOAD_LEASE_MS / 4)
    try {
      await untilFree(rows, copy, run.end.signal)
      await transfer(parts, { copy, store }, { ...run.options, end: run.end })
    } finally {
      clearInterval(beat)
      running.delete(copy)
    }
  }

  return {
    copy: (imageId, store, options = {}) =>
      inTurn(() =>
        withSignal(options.signal, async (end) => {
          const url = await urlFor(store, imageId)
          const begun = await begin({ imageId, store: store.id, url }, end.signal)
          if (typeof begun === 'string') return begun
          try {
            await write(begun, store, { options, end })
            return 'copied'
          } catch (error) {
            await clearAway(parts, begun, error)
            if (await rows.hasImage(imageId).catch(() => true)) throw error
            return 'gone'
          }
        }),
      ),

    async recover() {
      if (await removeDead()) await looseObjects.remove()
    },
  }
}

interface Run {
  options: CopyOptions
  /** Ends the copy, for whatever reason comes first. */
  end: AbortController
}

async function withSignal<T>(
  signal: AbortSignal | undefined,
  work: (end: AbortController) => Promise<T>,
): Promise<T> {
  const end = new AbortController()
  const pass = () => end.abort(signal?.reason)
  if (signal?.aborted) pass()
  signal?.addEventListener('abort', pass)
  try {
    return await work(end)
  } finally {
    signal?.removeEventListener('abort', pass)
  }
}

/** A copy that others have ended, since nothing was heard of it or its image was deleted, is not read to its end. */
async function keepAlive(rows: CopyRows, copy: BegunCopy, end: AbortController): Promise<void> {
  const isAlive = await rows.heartbeat(copy).catch(() => true)
  if (!isAlive) end.abort(endedByOthers(copy))
}

/** What is condemned by now is not ours yet; from now on none of its chunks will be. */
async function untilFree(rows: CopyRows, copy: BegunCopy, end: AbortSignal): Promise<void> {
  if (copy.url !== null) return
  while (await rows.isHeldUp(copy)) {
    await sleep(RETRY_BUSY_MS, end)
    end.throwIfAborted()
  }
}

/** Never throws: what the caller hears is why the copy failed. What is left here goes with the next upkeep. */
async function clearAway(
  { rows, looseObjects }: CopierParts,
  { id, imageId, store }: BegunCopy,
  error: unknown,
): Promise<void> {
  const about = { image: imageId, store }
  log.warn('Copying image {image} into store {store} failed: {reason}', {
    ...about,
    reason: reasonOf(error),
  })
  try {
    await rows.remove(id, Date.now())
    await looseObjects.tryRemove()
  } catch (failure) {
    log.error('Cannot clear away the failed copy of image {image} in store {store}: {reason}', {
      ...about,
      reason: reasonOf(failure),
    })
  }
}
