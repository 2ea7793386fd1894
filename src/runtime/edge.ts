import type { Digester } from '../blobs/digest.ts'
import { createManifests } from '../blobs/manifests.ts'
import type { FileStore } from '../blobs/fs.ts'
import type { Config } from '../config.ts'
import { createReplica } from '../mirror/apply.ts'
import { createFeed } from '../mirror/feed.ts'
import { createFollower } from '../mirror/follow.ts'
import { createReadThrough } from '../mirror/read-through.ts'
import { createUpstream } from '../mirror/upstream.ts'
import type { Registry } from '../registry/database.ts'

export interface EdgeParts {
  config: Config
  registry: Registry
  store: FileStore
  digester: Digester
}

export type Edge = Awaited<ReturnType<typeof openEdge>>

/** What makes a site an edge: it follows another one, and fetches chunks from it when they are asked for. */
export async function openEdge({ config, registry, store, digester }: EdgeParts) {
  const { upstream: urls, upstream_token: token } = config.mirror
  const upstream = createUpstream({ urls, token })
  const readThrough = createReadThrough({
    local: store,
    upstream,
    manifests: createManifests(registry),
    digester,
    limit: config.DEFAULT.image_cache_max_size,
    isPinned: () => false,
  })
  await readThrough.load()
  const [siteId = ''] = await createFeed(registry).sites()
  const follower = createFollower({ upstream, replica: createReplica(registry), siteId })
  const following = follower.run()
  return {
    readThrough,
    follower,
    async close(): Promise<void> {
      follower.stop()
      await following
    },
  }
}
