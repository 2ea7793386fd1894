import type { Digester } from '../blobs/digest.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { unneededChunks } from '../inventory/needed-chunks.ts'
import { createEdgeAccount, type EdgeAccount } from '../mirror/chunks/account.ts'
import { createReadThrough, type ReadThrough } from '../mirror/chunks/read-through.ts'
import type { Residency } from '../mirror/chunks/residency.ts'
import type { ImageCache } from '../mirror/pinning/image-cache.ts'
import { createPins, type Pins } from '../mirror/pinning/pins.ts'
import type { PinPolicy } from '../mirror/pinning/policy.ts'
import { createCachedImages } from '../mirror/pinning/rows.ts'
import type { UpstreamContent } from '../mirror/upstream/content.ts'
import type { Registry } from '../registry/database.ts'
import { openEdgeCache } from './edge-cache.ts'
import type { Peers } from './processes/calls.ts'
import { createLeadAccount } from './processes/lead-account.ts'
import { offerResident, withAllReads } from './processes/lead-resident.ts'

/** Longer than any fetch takes. */
const UNFINISHED_MS = 10 * 60_000

export interface ResidentParts {
  config: Config
  registry: Registry
  /** Where chunks are kept. */
  store: LocalStore
  manifests: Manifests
  digester: Digester
  check: IsWhole
  /** Bytes that they may take. */
  limit: number
  policy: PinPolicy
  /** Whether whole images may be asked to stay. */
  keepsImages: boolean
  /** Where they come from. */
  chunk: UpstreamContent['chunk']
  /** Null where no other process serves the site beside this one. */
  peers: Peers | null
}

/** Chunks that are kept on this machine since they come from afar. */
export interface Resident {
  account: Pick<EdgeAccount, 'has'>
  readThrough: Pick<ReadThrough, 'openChunk' | 'get' | 'walk' | 'guard' | 'remove' | 'counters'>
  /** How much room they take; null where another process makes it. */
  room: Residency['status'] | null
  cache: ImageCache
  /** Removes what no image needs any more, and what broken-off writes have left; tells how many chunks went. */
  sweep(): Promise<number>
  close(): Promise<void>
}

/** Those that this process looks after. */
export interface OwnResident extends Resident {
  account: EdgeAccount
  readThrough: ReadThrough
  pins: Pins
}

export async function openResident(parts: ResidentParts): Promise<OwnResident> {
  const { config, registry, store, limit, policy, keepsImages, chunk, peers } = parts
  const own = createEdgeAccount()
  const shared = peers && createLeadAccount(own, peers)
  const account = shared ?? own
  const images = createCachedImages(registry)
  // Those that were asked to stay are remembered, in case they may again.
  const wanted = keepsImages ? images : { ...images, requested: async () => [] }
  const pins = createPins({ images: wanted, policy, limit, has: account.has })
  const readThrough = createReadThrough({
    ...parts,
    account,
    local: store,
    upstream: { chunk },
    isPinned: pins.isPinned,
    processes: peers?.count ?? 1,
  })
  await readThrough.load()
  const opened = await openEdgeCache({
    config,
    images,
    pins,
    account,
    readThrough,
    store,
  })
  const cache = withAllReads(opened.cache, peers)
  if (shared) offerResident({ account: shared, readThrough, pins, cache }, peers)
  // The limit may have been lowered since.
  await readThrough.room.prune()
  return {
    account,
    readThrough,
    pins,
    room: readThrough.room.status,
    cache,
    sweep: () => sweepResident({ registry, store, account, readThrough }),
    close: opened.close,
  }
}

async function sweepResident({
  registry,
  store,
  account,
  readThrough,
}: Pick<ResidentParts, 'registry' | 'store'> &
  Pick<OwnResident, 'account' | 'readThrough'>): Promise<number> {
  const digests = await unneededChunks(registry, account.digests())
  for (const digest of digests) await readThrough.remove(digest)
  await store.removeUnfinished(Date.now() - UNFINISHED_MS)
  return digests.length
}
