import type { Digester } from '../blobs/digest.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { FileStore } from '../blobs/fs/store.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { createReplica, type Replica } from '../mirror/follow/replica.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import { createFollower } from '../mirror/follow/follower.ts'
import { createReadThrough } from '../mirror/chunks/read-through.ts'
import { createUpstream } from '../mirror/upstream/client.ts'
import type { Registry } from '../registry/database.ts'
import type { SiteMetrics } from './metrics.ts'
import { createEdgeCache } from './edge-cache.ts'

export interface EdgeParts {
  config: Config
  registry: Registry
  store: FileStore
  manifests: Manifests
  digester: Digester
  check: IsWhole
  metrics: Pick<SiteMetrics, 'timeFills'>
}

export type Edge = Awaited<ReturnType<typeof openEdge>>

/** What makes a site an edge: it follows another one, and fetches chunks from it when they are asked for. */
export async function openEdge(parts: EdgeParts) {
  const { config, registry, store, manifests, digester, check, metrics } = parts
  const [siteId = ''] = await createFeed(registry).sites()
  await refuseForeign(store, siteId)
  const { upstream: urls, upstream_token: token } = config.mirror
  const upstream = metrics.timeFills(createUpstream({ urls, token }))
  const readThrough = createReadThrough({
    local: store,
    upstream,
    manifests,
    digester,
    check,
    limit: config.DEFAULT.image_cache_max_size,
    isPinned: (digest) => edgeCache.pins.isPinned(digest),
  })
  const edgeCache = createEdgeCache({ config, registry, store, readThrough })
  await readThrough.load()
  await edgeCache.start()
  // The limit may have been lowered since.
  await readThrough.residency.prune()
  const replica = telling(createReplica(registry), edgeCache.pins.refreshSoon)
  const follower = createFollower({ upstream, replica, siteId })
  const following = follower.run()
  return {
    readThrough,
    follower,
    cache: edgeCache.cache,
    async close(): Promise<void> {
      follower.stop()
      await following
      await edgeCache.close()
    },
  }
}

/** What an edge makes room of may be the only copy that an origin has. */
async function refuseForeign(store: FileStore, siteId: string): Promise<void> {
  const owner = await store.owner()
  if (owner === null || owner === siteId) return
  throw new ConfigError(
    `[heliostat] data_dir: its chunks belong to the origin "${owner}", wanted a folder that no origin has`,
  )
}

/** Calls back when the feed has changed something, which may change what is pinned. */
function telling(replica: Replica, changed: () => void): Replica {
  return {
    ...replica,
    async apply(...change) {
      await replica.apply(...change)
      changed()
    },
    async keepOnly(ids) {
      await replica.keepOnly(ids)
      changed()
    },
  }
}
