import type { FileStore } from '../blobs/fs/store.ts'
import type { Config } from '../config.ts'
import { createCachedImages } from '../mirror/pinning/rows.ts'
import { createImageCache } from '../mirror/pinning/image-cache.ts'
import { createPins } from '../mirror/pinning/pins.ts'
import { createPrefetcher } from '../mirror/pinning/prefetch.ts'
import { parseWindow } from '../mirror/pinning/window.ts'
import type { ReadThrough } from '../mirror/chunks/read-through.ts'
import type { Registry } from '../registry/database.ts'

export interface EdgeCacheParts {
  config: Config
  registry: Registry
  store: Pick<FileStore, 'removeUnfinished'>
  readThrough: Pick<ReadThrough, 'ensure' | 'remove' | 'residency'>
}

/** What has images lie at an edge whole: pins, and the prefetching of what is pinned. */
export function createEdgeCache({ config, registry, store, readThrough }: EdgeCacheParts) {
  const { mirror } = config
  const { residency } = readThrough
  const images = createCachedImages(registry)
  const pins = createPins({
    images,
    policy: {
      visibilities: mirror.pin_visibility,
      tags: mirror.pin_tag,
      names: mirror.pin_name,
      newest: mirror.pin_newest,
    },
    limit: config.DEFAULT.image_cache_max_size,
    has: residency.has,
  })
  const prefetcher = createPrefetcher({
    pins,
    has: residency.has,
    ensure: readThrough.ensure,
    mbits: mirror.prefetch_mbits,
    window: parseWindow(mirror.prefetch_window),
  })
  const { remove } = readThrough
  const { removeUnfinished } = store
  const cache = createImageCache({ images, pins, residency, prefetcher, remove, removeUnfinished })
  let prefetching: Promise<void> | null = null
  return {
    cache,
    pins,
    /** Resolves when it is known what is pinned; the prefetching goes on beside. */
    async start(): Promise<void> {
      await pins.refresh()
      prefetching = prefetcher.run()
    },
    async close(): Promise<void> {
      prefetcher.stop()
      await prefetching
      await pins.close()
      await cache.close()
    },
  }
}
