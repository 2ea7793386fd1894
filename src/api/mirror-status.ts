import packageJson from '../../package.json' with { type: 'json' }
import { residentImages } from '../mirror/chunks/resident-images.ts'
import type { EdgeStatus } from '../mirror/edge-status.ts'
import type { ResidentStatus, SiteStatus, UpstreamStatus } from '../mirror/status.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { readHead, STATUS_PATH } from './mirror.ts'

const MAX_IMAGES = 1000

/** Mounts how a site stands, for those who look after its mirrors; the mirror token is asked for by its siblings. */
export function mountMirrorStatus(app: App, services: Services): void {
  const { feed, followers, manifests, edge } = services
  app.get(STATUS_PATH, async (context) => {
    // Every image and manifest has to be looked at for that.
    const withImages = context.req.query('images') === '1'
    if (context.req.query('fresh') === '1') await edge?.look()
    const status: SiteStatus = {
      version: packageJson.version,
      head: await readHead(feed, edge),
      followers: await followers.list(),
      stored: !edge && withImages ? await manifests.total() : null,
      upstream: edge && (await describeUpstream(edge)),
      // At the origin that is everything.
      resident: edge && (await describeResident(edge)),
      images:
        edge && withImages
          ? await residentImages(
              { feed, manifests, has: edge.has, pinned: await edge.pinned() },
              MAX_IMAGES,
            )
          : null,
    }
    return json(context, status, { headers: { 'Cache-Control': 'no-store' } })
  })
}

async function describeUpstream(edge: EdgeStatus): Promise<UpstreamStatus> {
  const { seq, upstreamSeq, lag, stale, error, withheld } = await edge.condition()
  return { seq, upstream_seq: upstreamSeq, lag, stale, error, withheld }
}

async function describeResident(edge: EdgeStatus): Promise<ResidentStatus> {
  const { chunks, used, limit, evictions } = await edge.room()
  const { upstreamBytes, streamedThrough, ...counters } = await edge.counters()
  return {
    chunks,
    bytes: used,
    limit,
    evictions,
    ...counters,
    upstream_bytes: upstreamBytes,
    streamed_through: streamedThrough,
  }
}
