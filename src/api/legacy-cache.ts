import type { Services } from '../services.ts'
import { toEntry } from './cache.ts'
import type { App, RequestContext } from './context.ts'
import { json } from './json.ts'

/**
 * Mounts what Glance had before its cache API, and still has where its cache is managed; only where there is a cache.
 * Whether there is an image of the id is not told, and any other method is a 404.
 */
export function mountLegacyCache(app: App, { cache, access }: Services): void {
  if (!cache) return
  const requireManager = (context: RequestContext) =>
    access.requireOnSite('manage_image_cache', context.get('caller'))

  app.get('/v2/cached_images', async (context) => {
    requireManager(context)
    return json(context, { cached_images: (await cache.list()).cached.map(toEntry) })
  })

  app.delete('/v2/cached_images', async (context) => {
    requireManager(context)
    return json(context, { num_deleted: await cache.clear('cache') })
  })

  app.delete('/v2/cached_images/:image_id', async (context) => {
    requireManager(context)
    const wanted = context.req.param('image_id')
    const { cached } = await cache.list()
    if (cached.some(({ id }) => id === wanted)) await cache.remove(wanted)
    return json(context, null)
  })

  app.get('/v2/queued_images', async (context) => {
    requireManager(context)
    return json(context, { queued_images: (await cache.list()).queued })
  })

  app.delete('/v2/queued_images', async (context) => {
    requireManager(context)
    return json(context, { num_deleted: await cache.clear('queue') })
  })

  app.put('/v2/queued_images/:image_id', async (context) => {
    requireManager(context)
    const id = context.req.param('image_id')
    if (await access.look(id, context.get('caller'))) await cache.add(id)
    return json(context, null)
  })

  app.delete('/v2/queued_images/:image_id', async (context) => {
    requireManager(context)
    await cache.unqueue(context.req.param('image_id'))
    return json(context, null)
  })
}
