import { join } from 'node:path'
import type { Digester } from '../blobs/digest.ts'
import { createCacheStore, type FileStore } from '../blobs/fs/store.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import { createLostChunks, type LostChunks } from '../blobs/local/lost-chunks.ts'
import { createOwnChunks, type OwnChunks } from '../blobs/local/own-chunks.ts'
import type { ScrubNotes } from '../blobs/local/scrub.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import { type Config, hasNamedStores } from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { openScrubNotes } from '../inventory/scrub-notes.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import type { PinPolicy } from '../mirror/pinning/policy.ts'
import { shownPath } from '../masking.ts'
import type { Registry } from '../registry/database.ts'
import type { Copies } from '../stores/copies.ts'
import { renameStores } from '../stores/known-stores.ts'
import { createStores, type Stores } from '../stores/store.ts'
import { openLocalStores, type OwnStore, placeOfFiles } from './local-stores.ts'
import type { SiteMetrics } from './metrics.ts'
import type { Peers } from './processes/calls.ts'
import { openBesideLead } from './processes/beside-lead.ts'
import { sharedLost } from './processes/shared-lost.ts'
import { openResident, type Resident } from './resident.ts'
import { createSiteCopies } from './site-copies.ts'
import { type Bodies, chunksOfOrigin, type OwnStoreChunks, type SiteChunks } from './site-chunks.ts'

/** Without a cache chunks that come from afar stay for as long as it takes to send them: so many have room. */
const CHUNKS_IN_TRANSIT = 32
/** How often it is looked which images are still to stay. */
const PINS_MS = 10_000

const NO_POLICY: PinPolicy = { visibilities: [], tags: [], names: [], newest: Infinity }

export interface OriginParts {
  config: Config
  registry: Registry
  feed: Feed
  manifests: Manifests
  digester: Digester
  check: IsWhole
  metrics: Pick<SiteMetrics, 'timeFills'>
  /** Null where no other process serves the site beside this one. */
  peers: Peers | null
}

/** A store on this machine that is looked after. */
export interface Scrubbed {
  id: string
  store: LocalStore
  lost: LostChunks
  notes: ScrubNotes
}

/** What makes a site an origin: the stores that its images lie in, and what is kept here of those that are far. */
export interface Origin {
  stores: Stores
  copies: Copies
  chunks: SiteChunks
  scrubbed: Scrubbed[]
  /** Where chunks are kept on this machine that lie elsewhere. */
  cacheDisk: LocalStore | null
  resident: Resident | null
  close(): Promise<void>
}

export async function openOrigin(parts: OriginParts, bodies: Bodies): Promise<Origin> {
  const { config, registry, feed, manifests } = parts
  const own: (OwnStoreChunks & Scrubbed)[] = []
  const opened = await openLocalStores({
    config,
    registry,
    siteId: feed.siteId,
    async guard(store) {
      const guarded = await guardOwn(parts, store)
      own.push(guarded)
      return guarded.chunks.store
    },
  })
  const stores = createStores(opened.all, hasNamedStores(config))
  await renameStores(registry, stores)
  const copies = createSiteCopies({ config, registry, stores, manifests })
  const cacheStore = needsCache(config) ? await openCacheFolder(config, stores) : null
  const resident = cacheStore && (await openCache(parts, { store: cacheStore, copies }))
  return {
    stores,
    copies,
    chunks: chunksOfOrigin({ own, resident, copies }, bodies),
    scrubbed: own,
    cacheDisk: cacheStore,
    resident,
    async close() {
      await resident?.close()
      cacheStore?.close()
      await opened.close()
    },
  }
}

async function guardOwn(
  { registry, manifests, check, peers }: OriginParts,
  { id, isDefault, local }: OwnStore,
): Promise<OwnStoreChunks & Scrubbed> {
  const notes = await openScrubNotes(registry, isDefault ? '' : id)
  const known = createLostChunks({ store: local, sizeOfChunk: manifests.sizeOfChunk, notes })
  const lost = sharedLost(known, { peers, store: id })
  const chunks: OwnChunks = createOwnChunks({ store: local, check, lost })
  return { id, store: local, lost, notes, chunks }
}

/** Whether chunks are kept here that lie elsewhere, if only until they are sent. */
function needsCache({ stores, caching }: Config): boolean {
  return caching || stores.length > 1 || stores[0]?.kind !== 'file'
}

/** Refuses a folder that is a store's: what a cache makes room of may be the only copy that there is. */
async function openCacheFolder({ DEFAULT, heliostat }: Config, stores: Stores): Promise<FileStore> {
  const folder = DEFAULT.image_cache_dir ?? join(heliostat.data_dir, 'cache')
  const cache = createCacheStore(folder)
  const isStore = stores.all.some(({ place }) => place === placeOfFiles(folder))
  if (!isStore && (await cache.owner()) === null) return cache
  throw new ConfigError(
    `[DEFAULT] image_cache_dir: got "${shownPath(folder)}", which holds the chunks of a store, wanted a folder that no store has`,
  )
}

async function openCache(
  { config, metrics, ...given }: OriginParts,
  { store, copies }: { store: LocalStore; copies: Copies },
): Promise<Resident> {
  const { DEFAULT, heliostat, caching } = config
  const limit = caching ? DEFAULT.image_cache_max_size : CHUNKS_IN_TRANSIT * heliostat.chunk_size
  const parts = { ...given, config, store, limit, policy: NO_POLICY, keepsImages: caching }
  const { peers } = parts
  if (peers && !peers.isLead) return openBesideLead(parts, peers)
  const resident = await openResident({ ...parts, chunk: metrics.timeFills(copies.chunk) })
  const refresh = caching && setInterval(resident.pins.refreshSoon, PINS_MS)
  return {
    ...resident,
    async close() {
      if (refresh) clearInterval(refresh)
      await resident.close()
    },
  }
}
