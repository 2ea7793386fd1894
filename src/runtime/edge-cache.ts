import type { UnfinishedWrites } from '../blobs/store.ts'
import { type Config, isEdge } from '../config.ts'
import type { EdgeAccount } from '../mirror/chunks/account.ts'
import type { ReadThrough } from '../mirror/chunks/read-through.ts'
import { createImageCache, type ImageCache } from '../mirror/pinning/image-cache.ts'
import type { Pins } from '../mirror/pinning/pins.ts'
import { createPrefetcher } from '../mirror/pinning/prefetch.ts'
import type { CachedImages } from '../mirror/pinning/rows.ts'
import { parseWindow } from '../mirror/pinning/window.ts'

/** Clients of Glance's cache look for an image in the queue, right after they have put it there. */
const GATHER_MS = 1_000

export interface EdgeCacheParts {
  config: Config
  images: CachedImages
  pins: Pins
  account: EdgeAccount
  store: UnfinishedWrites
  readThrough: Pick<ReadThrough, 'ensure' | 'remove' | 'room'>
}

/** What has images lie at an edge whole. */
export interface EdgeCache {
  cache: ImageCache
  close(): Promise<void>
}

/** Opens when it is known what is pinned; the prefetching of that goes on beside. */
export async function openEdgeCache(parts: EdgeCacheParts): Promise<EdgeCache> {
  const { config, images, pins, account, store, readThrough } = parts
  const prefetcher = createPrefetcher({
    pins,
    has: account.has,
    ensure: readThrough.ensure,
    mbits: config.mirror.prefetch_mbits,
    window: parseWindow(config.mirror.prefetch_window),
    gather: isEdge(config) ? 0 : GATHER_MS,
  })
  const cache = createImageCache({
    images,
    pins,
    account,
    room: readThrough.room,
    prefetcher,
    remove: readThrough.remove,
    removeUnfinished: store.removeUnfinished,
  })
  await pins.refresh()
  const prefetching = prefetcher.run()
  return {
    cache,
    async close() {
      prefetcher.stop()
      await prefetching
      await pins.close()
      await cache.close()
    },
  }
}
