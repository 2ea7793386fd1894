import { NO_STORE } from '../../schema/tables.ts'
import { createLostChunks } from '../blobs/local/lost-chunks.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import { openScrubNotes } from '../inventory/scrub-notes.ts'
import { createStoreOwner } from '../inventory/store-owner.ts'
import { createStores } from '../stores/store.ts'
import { type Edge, openEdge } from './edge.ts'
import { openLocalStore, storeOfEdge } from './local-stores.ts'
import { openOrigin, type OriginParts, type Scrubbed } from './origin.ts'
import { openPreferred } from './preferred.ts'
import type { Resident } from './resident.ts'
import type { Parts } from './services.ts'
import { createSiteCopies } from './site-copies.ts'
import { type Bodies, chunksOfEdge, type SiteChunks, sweptAtEdge } from './site-chunks.ts'

/** What differs between an origin and an edge. */
export interface Side extends Pick<
  Parts,
  'stores' | 'copies' | 'cache' | 'openPreferred' | 'sweepCache'
> {
  edge: Edge | null
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
  const store = openLocalStore(config)
  const notes = await openScrubNotes(registry)
  const lost = createLostChunks({ store, sizeOfChunk: manifests.sizeOfChunk, notes })
  const edge = await openEdge({ ...parts, store })
  const owner = createStoreOwner({
    registry,
    storeId: NO_STORE,
    store,
    id: feed.siteId,
    isEdge: true,
  })
  const own = storeOfEdge(sweptAtEdge(edge, store), { owner, local: store })
  const stores = createStores([own], false)
  return {
    edge,
    chunks: chunksOfEdge(edge, bodies),
    stores,
    copies: createSiteCopies({ config, registry, stores, manifests }),
    scrubbed: [{ id: NO_STORE, store, lost, notes }],
    resident: edge,
    cacheDisk: null,
    cache: edge.cache,
    // Swept as a store.
    sweepCache: async () => 0,
    openPreferred: null,
    async close() {
      await edge.close()
      store.close()
    },
  }
}

export async function openOriginSide(parts: OriginParts, bodies: Bodies): Promise<Side> {
  const origin = await openOrigin(parts, bodies)
  const { copies, resident } = origin
  return {
    ...origin,
    edge: null,
    cache: parts.config.caching ? (resident?.cache ?? null) : null,
    sweepCache: async () => (await resident?.sweep()) ?? 0,
    openPreferred: (prefer) => openPreferred({ ...parts, copies }, prefer),
  }
}
