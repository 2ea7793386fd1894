import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import type { EdgeAccount } from '../chunks/account.ts'
import type { Residency } from '../chunks/residency.ts'
import type { Pins } from './pins.ts'
import type { Prefetcher, PrefetchStatus } from './prefetch.ts'
import type { CachedImages, CompleteImage, Reads } from './rows.ts'

/** A write that has not moved for this long is not coming to an end any more. */
const STALLED_MS = 60_000
/** Reads are counted in memory and written down together: a download must not wait for the disk. */
const COUNT_MS = 10_000

const log = getLogger(['heliostat', 'image-cache'])

export interface ImageCacheParts {
  images: CachedImages
  pins: Pick<Pins, 'plan' | 'refresh' | 'unfinished'>
  account: Pick<EdgeAccount, 'digests'>
  room: Pick<Residency, 'prune'>
  prefetcher: Pick<Prefetcher, 'status'>
  /** Removes a chunk from this machine. */
  remove(digest: string): Promise<void>
  removeUnfinished(before: number): Promise<void>
}

/** What a clearing is about: the images that are here, those that are still to come, or both. */
export type ClearTarget = 'cache' | 'queue' | ''

/** What lies here of the images, as the Glance cache API knows it: an image is cached when all of it is here. */
export interface ImageCache {
  prefetchStatus(): Promise<PrefetchStatus>
  /** Counts a read of an image. */
  noteRead(id: string): void
  /** Whether an image was asked to stay, also one that has been deleted since. */
  isQueued(id: string): Promise<boolean>
  list(): Promise<{ cached: CompleteImage[]; queued: string[] }>
  /** Pins an image; it is fetched in the background. */
  add(id: string): Promise<void>
  /** Unpins an image and removes its bytes. One that a policy pins will be fetched again. */
  remove(id: string): Promise<void>
  /** No longer asks for an image that is not all here; what is here of it stays for as long as there is room. */
  unqueue(id: string): Promise<void>
  /** Tells how many images went. */
  clear(target: ClearTarget): Promise<number>
  /** Removes what damaged chunks and broken-off writes have left. */
  clean(): Promise<void>
  /** Evicts down to the limit. */
  prune: Residency['prune']
  /** Writes down which images were read. */
  flushReads(): Promise<void>
  /** Writes down what was counted. */
  close(): Promise<void>
}

export function createImageCache(parts: ImageCacheParts): ImageCache {
  const { images, pins, account, room } = parts
  const reads = createReadCounts(images)

  /** The ids that are pinned but not all here, and those that will never fit. */
  const queued = () => [...pins.unfinished().map(({ id }) => id), ...pins.plan().tooLarge]

  /** Removes chunks, but those that a pinned image needs, unless it is one of `leaving`. */
  async function removeChunks(digests: Iterable<string>, leaving: Set<string>): Promise<void> {
    const staying = pins.plan().pinned.filter(({ id }) => !leaving.has(id))
    const needed = new Set(staying.flatMap(({ chunks }) => [...chunks.keys()]))
    for (const digest of digests) if (!needed.has(digest)) await parts.remove(digest)
  }

  async function completeIds(): Promise<Set<string>> {
    return new Set((await images.complete(account.digests())).map(({ id }) => id))
  }

  return {
    prefetchStatus: async () => parts.prefetcher.status(),
    noteRead: reads.noteRead,
    isQueued: (id) => images.isRequested(id),

    async list() {
      await reads.flushReads()
      return { cached: await images.complete(account.digests()), queued: queued() }
    },

    async add(id) {
      await images.request(id, Date.now())
      await pins.refresh()
    },

    async remove(id) {
      const chunks = (await images.chunksOf([id])).get(id)
      await images.withdraw([id])
      await pins.refresh()
      await removeChunks(chunks?.keys() ?? [], new Set([id]))
      await pins.refresh()
    },

    async unqueue(id) {
      if ((await completeIds()).has(id)) return
      await images.withdraw([id])
      await pins.refresh()
    },

    async clear(target) {
      const complete = await completeIds()
      const requested = await images.requested()
      const leaving = requested.filter((id) =>
        complete.has(id) ? target !== 'queue' : target !== 'cache',
      )
      await images.withdraw(leaving)
      await pins.refresh()
      if (target !== 'queue') await removeChunks(account.digests(), complete)
      await pins.refresh()
      if (target === 'queue') return leaving.length
      return new Set([...complete, ...leaving]).size
    },

    clean: () => parts.removeUnfinished(Date.now() - STALLED_MS),

    prune: room.prune,
    flushReads: reads.flushReads,

    close: reads.close,
  }
}

/** Counts reads of images, and writes them down now and then. */
export function createReadCounts(
  images: Pick<CachedImages, 'addReads'>,
): Pick<ImageCache, 'noteRead' | 'flushReads' | 'close'> {
  let reads = new Map<string, Reads>()
  let soon: ReturnType<typeof setTimeout> | null = null

  async function flush(): Promise<void> {
    if (soon) clearTimeout(soon)
    soon = null
    const counted = reads
    reads = new Map()
    if (counted.size > 0) await images.addReads(counted)
  }

  function flushSafely(): Promise<void> {
    return flush().catch((error: unknown) => {
      log.warn('Cannot write down which images were read: {reason}', { reason: reasonOf(error) })
    })
  }

  return {
    flushReads: flush,
    close: flushSafely,
    noteRead(id) {
      reads.set(id, { hits: (reads.get(id)?.hits ?? 0) + 1, lastAccessedAt: Date.now() })
      soon ??= setTimeout(() => void flushSafely(), COUNT_MS)
    },
  }
}
