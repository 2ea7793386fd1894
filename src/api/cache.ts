import { HeliostatError } from '../errors.ts'
import { imageNotFound } from '../images/access.ts'
import type { ClearTarget, ImageCache } from '../mirror/pinning/image-cache.ts'
import type { CompleteImage } from '../mirror/pinning/rows.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

const TARGET_HEADER = 'x-image-cache-clear-target'

/** Mounts Glance's cache API, which is about what lies at this site: at an edge, and at an origin with a cache. */
export function mountCache(app: App, services: Services): void {
  // First, or these names would be taken for the ids of images.
  mountCare(app, services)
  mountWhole(app, services)
  mountOne(app, services)
}

function mountCare(app: App, { cache, access }: Services): void {
  resource(app, '/v2/cache/clean', {
    async POST(context) {
      access.requireOnSite('cache_clean', context.get('caller'))
      await requireCache(cache).clean()
      return respond(context, null, 200, { 'Content-Type': 'text/html; charset=UTF-8' })
    },
  })

  resource(app, '/v2/cache/prune', {
    async POST(context) {
      access.requireOnSite('cache_prune', context.get('caller'))
      const { chunks, bytes } = await requireCache(cache).prune()
      return json(context, { total_files_pruned: chunks, total_bytes_pruned: bytes })
    },
  })

  // Ours alone: Glance does not tell how far it is.
  resource(app, '/v2/cache/prefetch', {
    async GET(context) {
      refuseBody(context)
      access.requireOnSite('cache_list', context.get('caller'))
      const { tooLarge, ...status } = await requireCache(cache).prefetchStatus()
      return json(context, { ...status, too_large: tooLarge })
    },
  })

  resource(app, '/v2/cache/nodes/:image_id', {
    GET(context) {
      refuseBody(context)
      access.requireOnSite('list_cached_nodes', context.get('caller'))
      requireCache(cache)
      throw new HeliostatError('conflict', 'Centralized caching is not enabled')
    },
  })
}

function mountWhole(app: App, { cache, access }: Services): void {
  resource(app, '/v2/cache', {
    async GET(context) {
      refuseBody(context)
      access.requireOnSite('cache_list', context.get('caller'))
      const { cached, queued } = await requireCache(cache).list()
      // Nothing else: clients take every key but the first for a list of images that are queued.
      return json(context, { cached_images: cached.map(toEntry), queued_images: queued })
    },

    async DELETE(context) {
      access.requireOnSite('cache_delete', context.get('caller'))
      const present = requireCache(cache)
      await present.clear(parseTarget(context.req.header(TARGET_HEADER) ?? ''))
      return respond(context, null, 204)
    },
  })
}

function mountOne(app: App, { cache, access }: Services): void {
  resource(app, '/v2/cache/:image_id', {
    async DELETE(context) {
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.look(id, caller)
      if (image) access.requireOnImage('cache_delete', caller, image)
      // Deleted at the origin, but once asked to stay here.
      else if (!(await cache?.isQueued(id))) throw imageNotFound(id)
      else access.requireOnSite('cache_delete', caller)
      await requireCache(cache).remove(id)
      return respond(context, null, 204)
    },

    async PUT(context) {
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.findFor('cache_image', id, caller, imageNotFound)
      const present = requireCache(cache)
      if (image.status !== 'active') {
        throw new HeliostatError(
          'invalid',
          'Only images with status active can be targeted for queueing',
        )
      }
      await present.add(id)
      return respond(context, null, 202)
    },
  })
}

function requireCache(cache: ImageCache | null): ImageCache {
  if (cache) return cache
  throw new HeliostatError('not-found', 'Caching via API is not supported at this site.')
}

function parseTarget(text: string): ClearTarget {
  const target = text.toLowerCase()
  if (target === 'cache' || target === 'queue' || target === '') return target
  throw new HeliostatError(
    'invalid',
    `If provided '${TARGET_HEADER}' must be 'cache', 'queue' or empty string.`,
  )
}

/** A cached image as Glance lists it. Times are seconds since 1970 UTC, with fractions. */
interface CacheEntry {
  image_id: string
  last_accessed: number
  last_modified: number
  size: number
  hits: number
  checksum: string | null
}

export function toEntry(image: CompleteImage): CacheEntry {
  const { id, size, checksum, knownAt, hits, lastAccessedAt } = image
  return {
    image_id: id,
    last_accessed: (lastAccessedAt ?? knownAt) / 1000,
    last_modified: knownAt / 1000,
    size,
    hits: hits ?? 0,
    checksum,
  }
}
