import { NO_STORE } from '../../schema/tables.ts'
import { createLostChunks } from '../blobs/local/lost-chunks.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import { openScrubNotes } from '../inventory/scrub-notes.ts'
import { createStoreOwner } from '../inventory/store-owner.ts'
import { createStores } from '../stores/store.ts'
import { createEdgeStatus, type EdgeStatus, type FollowingStatus } from '../mirror/edge-status.ts'
import { type Edge, type EdgeParts, openEdge, openEdgeBesideLead } from './edge.ts'
import { openEdgeStore, storeOfEdge } from './local-stores.ts'
import { openOrigin, type OriginParts, type Scrubbed } from './origin.ts'
import { openPreferred } from './preferred.ts'
import { countersOfAll, statusOfLead } from './processes/edge-beside-lead.ts'
import { sharedLost } from './processes/shared-lost.ts'
import type { Resident } from './resident.ts'
import type { Parts } from './services.ts'
import { createSiteCopies } from './site-copies.ts'
import { type Bodies, chunksOfEdge, type SiteChunks, sweptAtEdge } from './site-chunks.ts'

/** What differs between an origin and an edge. */
export interface Side extends Pick<
  Parts,
  'stores' | 'copies' | 'cache' | 'openPreferred' | 'sweepCache'
> {
  /** Null at an origin, and where another process follows the upstream. */
  edge: Edge | null
  /** Null at an origin. */
  edgeStatus: EdgeStatus | null
  /** The same, where it is this process that follows the upstream. */
  following: FollowingStatus | null
  chunks: SiteChunks
  /** The stores on this machine that are read through slowly. */
  scrubbed: Scrubbed[]
  /** What is kept here since it comes from afar; null where nothing does. */
  resident: Resident | null
  /** Where that lies, if not in a store. */
  cacheDisk: LocalStore | null
  close(): Promise<void>
}

export async function openEdgeSide(parts: OriginParts, bodies: Bodies): Promise<Side> {
  const { config, registry, feed, manifests } = parts
  const store = openEdgeStore(config)
  const notes = await openScrubNotes(registry)
  const known = createLostChunks({ store, sizeOfChunk: manifests.sizeOfChunk, notes })
  const lost = sharedLost(known, { peers: parts.peers, store: NO_STORE })
  const { resident, ...edge } = await openEdgePart({ ...parts, store })
  const owner = createStoreOwner({
    registry,
    storeId: NO_STORE,
    store,
    id: feed.siteId,
    isEdge: true,
  })
  const own = storeOfEdge(sweptAtEdge(resident, store), { owner, local: store })
  const stores = createStores([own], false)
  return {
    ...edge,
    chunks: chunksOfEdge(resident, bodies),
    stores,
    copies: createSiteCopies({ config, registry, stores, manifests }),
    scrubbed: [{ id: NO_STORE, store, lost, notes }],
    resident,
    cacheDisk: null,
    cache: resident.cache,
    // Swept as a store.
    sweepCache: async () => 0,
    openPreferred: null,
    async close() {
      await resident.close()
      store.close()
    },
  }
}

/** What of an edge is the same in no two of the processes that serve it. */
async function openEdgePart(parts: EdgeParts) {
  const { registry, peers } = parts
  if (peers && !peers.isLead) {
    const resident = await openEdgeBesideLead(parts, peers)
    return {
      resident,
      edge: null,
      edgeStatus: statusOfLead(resident, registry, peers),
      following: null,
    }
  }
  const edge = await openEdge(parts)
  const following = createEdgeStatus(edge)
  if (!peers) return { resident: edge, edge, edgeStatus: following, following }
  peers.offer({ look: following.look, condition: following.condition })
  const edgeStatus = { ...following, counters: () => countersOfAll(peers) }
  return { resident: edge, edge, edgeStatus, following }
}

export async function openOriginSide(parts: OriginParts, bodies: Bodies): Promise<Side> {
  const origin = await openOrigin(parts, bodies)
  const { copies, resident } = origin
  return {
    ...origin,
    edge: null,
    edgeStatus: null,
    following: null,
    cache: parts.config.caching ? (resident?.cache ?? null) : null,
    sweepCache: async () => (await resident?.sweep()) ?? 0,
    openPreferred: (prefer) => openPreferred({ ...parts, copies }, prefer),
  }
}
