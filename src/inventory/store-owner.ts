import { and, eq, isNotNull, isNull, ne, type SQL } from 'drizzle-orm'
import { blobChunks, imageLocations } from '../../schema/tables.ts'
import type { ChunkStore, OwnedStore } from '../blobs/store.ts'
import { ConfigError, HeliostatError } from '../errors.ts'
import type { Registry } from '../registry/database.ts'

export interface StoreOwnerParts {
  registry: Registry
  /** The id of the store in this registry. */
  storeId: string
  store: Pick<ChunkStore, 'list'> & OwnedStore
  /** The id of the registry. */
  id(): Promise<string>
  /** An edge marks no store, since it can fetch all of it again; it only keeps its hands off an origin's. */
  isEdge: boolean
}

/**
 * Whose the chunks of a store are. `missing` is a store with nothing in it, not even the mark of its owner, where the
 * registry names chunks: it is not the one it was, such as the folder below a volume that is not mounted.
 */
export type Ownership = 'ours' | 'foreign' | 'missing'

/**
 * Whether the chunks of a store are this registry's to remove: to any other one they are all garbage. The store bears
 * the id of the registry that has claimed it.
 */
export interface StoreOwner {
  ownership(): Promise<Ownership>
  /** Marks a store that nobody has marked, where it is ours; throws [conflict] where it isn't. */
  claim(): Promise<void>
  /** Takes the store over, whoever it belonged to. Returns the registry's id. */
  adopt(): Promise<string>
}

export function createStoreOwner(parts: StoreOwnerParts): StoreOwner {
  const { registry, storeId, store, id, isEdge } = parts

  async function ownership(): Promise<Ownership> {
    const owner = await store.owner()
    if (owner !== null) return owner === (await id()) ? 'ours' : 'foreign'
    if (isEdge) return 'ours'
    if (await isEmpty(store)) return (await namesChunks(registry, storeId)) ? 'missing' : 'ours'
    return (await namesBlobs(registry, storeId)) ? 'ours' : 'foreign'
  }

  return {
    ownership,

    async claim() {
      const [owner, own] = [await store.owner(), await id()]
      if (owner === own) return
      const found = await ownership()
      if (found === 'missing') throw missing(own)
      if (found === 'foreign') throw notOurs(owner, own)
      if (!isEdge) await store.setOwner(own)
    },

    async adopt() {
      const own = await id()
      await store.setOwner(own)
      return own
    },
  }
}

/** The store, claimed by the first chunk that is put: by the time of the first sweep a new one may not be empty. */
export function claimedByPut(store: ChunkStore, owner: Pick<StoreOwner, 'claim'>): ChunkStore {
  let claiming: Promise<void> | null = null
  return {
    get: (digest, span) => store.get(digest, span),
    delete: (digest) => store.delete(digest),
    list: (after) => store.list(after),
    async put(digest, bytes) {
      // A refusal is the sweeper's to tell.
      await (claiming ??= owner.claim().catch(() => undefined))
      await store.put(digest, bytes)
    },
  }
}

/** Refuses the store of an origin as an edge's: what an edge makes room of may be the only copy that the origin has. */
export async function refuseForeign(store: OwnedStore, siteId: string): Promise<void> {
  const owner = await store.owner()
  if (owner === null || owner === siteId) return
  throw new ConfigError(
    `[heliostat] data_dir: its chunks belong to the origin "${owner}", wanted a folder that no origin has`,
  )
}

async function isEmpty(store: Pick<ChunkStore, 'list'>): Promise<boolean> {
  for await (const _ of store.list()) return false
  return true
}

async function namesBlobs(registry: Registry, storeId: string): Promise<boolean> {
  const found = await registry
    .select({ blob: imageLocations.blob })
    .from(imageLocations)
    .where(isChunksIn(storeId))
    .limit(1)
  return found.length > 0
}

async function namesChunks(registry: Registry, storeId: string): Promise<boolean> {
  const found = await registry
    .select({ digest: blobChunks.digest })
    .from(imageLocations)
    .innerJoin(blobChunks, eq(blobChunks.blob, imageLocations.blob))
    .where(and(isChunksIn(storeId), isNotNull(blobChunks.digest)))
    .limit(1)
  return found.length > 0
}

/** Copies that are still being written make no store ours, nor an empty one suspicious. */
function isChunksIn(storeId: string): SQL | undefined {
  return and(
    eq(imageLocations.store, storeId),
    isNull(imageLocations.url),
    ne(imageLocations.status, 'saving'),
  )
}

function missing(own: string): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Nothing is swept: the store is empty, though the registry "${own}" names chunks: check whether its volume is mounted. If they are lost for good: heliostat db sweep --adopt`,
  )
}

function notOurs(owner: string | null, own: string): HeliostatError {
  const found = owner === null ? 'no known registry' : `the registry "${owner}"`
  return new HeliostatError(
    'conflict',
    `Nothing is swept: the chunks belong to ${found}, not to this one, "${own}": check [database] connection and where the chunks are, or give them to this registry by heliostat db sweep --adopt`,
  )
}
