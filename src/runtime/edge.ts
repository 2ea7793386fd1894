import type { Digester } from '../blobs/digest.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { DirectGet } from '../http/direct-get.ts'
import { refuseForeign } from '../inventory/store-owner.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import { createFollower, type Follower } from '../mirror/follow/follower.ts'
import { createReplica, type Replica } from '../mirror/follow/replica.ts'
import type { PinPolicy } from '../mirror/pinning/policy.ts'
import { createUpstream } from '../mirror/upstream/client.ts'
import type { Registry } from '../registry/database.ts'
import { denoRuntime } from './deno-runtime.ts'
import { createDirectGet } from './direct-get.ts'
import type { SiteMetrics } from './metrics.ts'
import type { Peers } from './processes/calls.ts'
import { openBesideLead } from './processes/beside-lead.ts'
import { openResident, type OwnResident, type Resident } from './resident.ts'

export interface EdgeParts {
  config: Config
  registry: Registry
  feed: Feed
  store: LocalStore
  manifests: Manifests
  digester: Digester
  check: IsWhole
  metrics: Pick<SiteMetrics, 'timeFills'>
  /** Null where no other process serves the site beside this one. */
  peers: Peers | null
}

/** What makes a site an edge: it follows another one, and fetches chunks from it when they are asked for. */
export interface Edge extends OwnResident {
  replica: Replica
  follower: Follower
  heardBefore: number | null
}

export async function openEdge(parts: EdgeParts): Promise<Edge> {
  const { config, registry, feed, store, metrics } = parts
  const siteId = await feed.siteId()
  await refuseForeign(store, siteId)
  const { upstream: urls, upstream_token: token } = config.mirror
  const upstream = createUpstream({ urls, token, siteId, direct: openDirectGet() })
  const chunk = metrics.timeFills(upstream.chunk)
  const resident = await openResident({ ...residentParts(parts), chunk })
  const { pins } = resident
  const replica = createReplica(registry, pins.refreshSoon)
  const follower = createFollower({ upstream, replica, siteId })
  const heardBefore = await replica.heardAt()
  const following = follower.run()
  return {
    ...resident,
    replica,
    follower,
    heardBefore,
    async close() {
      follower.stop()
      await following
      await resident.close()
    },
  }
}

/** Not on Deno, which reads into memory of its own, nor where Node goes through the proxy that its environment names. */
function openDirectGet(): DirectGet | null {
  return denoRuntime() || process.env.NODE_USE_ENV_PROXY === '1' ? null : createDirectGet()
}

/** The same where another process follows the upstream, and fetches what is not here. */
export function openEdgeBesideLead(parts: EdgeParts, peers: Peers): Promise<Resident> {
  return openBesideLead(residentParts(parts), peers)
}

function residentParts(parts: EdgeParts) {
  const { config } = parts
  const limit = config.DEFAULT.image_cache_max_size
  return { ...parts, limit, policy: pinPolicy(config), keepsImages: true }
}

function pinPolicy({ mirror }: Config): PinPolicy {
  return {
    visibilities: mirror.pin_visibility,
    tags: mirror.pin_tag,
    names: mirror.pin_name,
    newest: mirror.pin_newest,
  }
}
