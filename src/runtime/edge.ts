import type { Digester } from '../blobs/digest.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { refuseForeign } from '../inventory/store-owner.ts'
import { createEdgeAccount, type EdgeAccount } from '../mirror/chunks/account.ts'
import { createReadThrough, type ReadThrough } from '../mirror/chunks/read-through.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import { createFollower, type Follower } from '../mirror/follow/follower.ts'
import { createReplica, type Replica } from '../mirror/follow/replica.ts'
import type { ImageCache } from '../mirror/pinning/image-cache.ts'
import { createPins, type Pins } from '../mirror/pinning/pins.ts'
import type { PinPolicy } from '../mirror/pinning/policy.ts'
import { createCachedImages } from '../mirror/pinning/rows.ts'
import { createUpstream } from '../mirror/upstream/client.ts'
import type { Registry } from '../registry/database.ts'
import { openEdgeCache } from './edge-cache.ts'
import type { SiteMetrics } from './metrics.ts'

export interface EdgeParts {
  config: Config
  registry: Registry
  feed: Feed
  store: LocalStore
  manifests: Manifests
  digester: Digester
  check: IsWhole
  metrics: Pick<SiteMetrics, 'timeFills'>
}

/** What makes a site an edge: it follows another one, and fetches chunks from it when they are asked for. */
export interface Edge {
  account: EdgeAccount
  readThrough: ReadThrough
  replica: Replica
  follower: Follower
  heardBefore: number | null
  pins: Pins
  cache: ImageCache
  close(): Promise<void>
}

export async function openEdge(parts: EdgeParts): Promise<Edge> {
  const { config, registry, feed, store, manifests, digester, check, metrics } = parts
  const siteId = await feed.siteId()
  await refuseForeign(store, siteId)
  const limit = config.DEFAULT.image_cache_max_size
  const account = createEdgeAccount()
  const images = createCachedImages(registry)
  const pins = createPins({ images, policy: pinPolicy(config), limit, has: account.has })
  const { upstream: urls, upstream_token: token } = config.mirror
  const upstream = createUpstream({ urls, token, siteId })
  const readThrough = createReadThrough({
    account,
    local: store,
    upstream: { chunk: metrics.timeFills(upstream.chunk) },
    manifests,
    digester,
    check,
    limit,
    isPinned: pins.isPinned,
  })
  await readThrough.load()
  const edgeCache = await openEdgeCache({ config, images, pins, account, readThrough, store })
  // The limit may have been lowered since.
  await readThrough.room.prune()
  const replica = createReplica(registry, pins.refreshSoon)
  const follower = createFollower({ upstream, replica, siteId })
  const heardBefore = await replica.heardAt()
  const following = follower.run()
  return {
    account,
    readThrough,
    replica,
    follower,
    heardBefore,
    pins,
    cache: edgeCache.cache,
    async close() {
      follower.stop()
      await following
      await edgeCache.close()
    },
  }
}

function pinPolicy({ mirror }: Config): PinPolicy {
  return {
    visibilities: mirror.pin_visibility,
    tags: mirror.pin_tag,
    names: mirror.pin_name,
    newest: mirror.pin_newest,
  }
}
