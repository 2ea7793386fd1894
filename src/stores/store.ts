import type { ObjectStore } from '../blobs/object-store.ts'
import type { ChunkStore, UnfinishedWrites } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import type { Ownership, StoreOwner } from '../inventory/store-owner.ts'
import type { SweptStore } from '../inventory/sweep.ts'

/** Chunks in a store, which takes new ones. */
export interface StoreChunks {
  store: ChunkStore
  owner: StoreOwner
  /** Null for a store in which no write is ever half done. */
  unfinished: UnfinishedWrites | null
  /** Told when an upload was given up for which it had no room; null for a store that has room for everything. */
  room: { givenUp(): Promise<void> } | null
}

/** A place for images' bytes: chunks, objects, or both, of which it writes chunks. */
export interface Store {
  id: string
  /** Glance's word for it, such as `rbd`. */
  kind: string
  description: string | null
  /** Where it is: two names of one place are one store. */
  place: string
  /** Of several copies the one in the store with the highest weight is read. */
  weight: number
  /** Where an upload goes that names no store. */
  isDefault: boolean
  /** How many writes it takes at once to keep it busy. */
  writesAtOnce: number
  /** What `/v2/info/stores/detail` tells of it. */
  properties(): Promise<Record<string, unknown>>
  /** Throws unless the store answers. */
  check: (() => Promise<void>) | null
  chunks: StoreChunks | null
  objects: ObjectStore | null
  /** The URL of an object without the secrets that Glance writes into some. */
  shownUrl(url: string): string
}

/** The stores of a site, in the order in which they are configured. */
export interface Stores {
  /** Whether callers may know them by name. */
  areNamed: boolean
  all: readonly Store[]
  byDefault: Store
  /** [invalid] for a name that no store has. */
  named(id: string): Store
  find(id: string): Store | null
}

export function createStores(all: readonly Store[], areNamed: boolean): Stores {
  const byDefault = all.find(({ isDefault }) => isDefault)
  if (!byDefault) throw new Error('None of the stores is the default')
  const find = (id: string) => all.find((store) => store.id === id) ?? null
  return {
    areNamed,
    all,
    byDefault,
    find,
    named(id) {
      const store = find(id)
      if (store) return store
      throw new HeliostatError('invalid', `Store for identifier ${id} not found`)
    },
  }
}

/** Whose a store is, and whether it answers. */
export interface StoreCondition {
  id: string
  /** Throws where the store does not answer. */
  ownership(): Promise<Ownership>
}

/** The condition of each store that there is one of; only chunks have an owner. */
export function conditionsOf({ all }: Pick<Stores, 'all'>): StoreCondition[] {
  return all.flatMap(({ id, chunks, check }) => {
    if (!check) return []
    const ownership = async () => {
      await check()
      return chunks ? chunks.owner.ownership() : 'ours'
    }
    return [{ id, ownership }]
  })
}

/** The store as the sweeper has it, in a list; none where there are no chunks. */
export function sweptStore({ id, chunks }: Store): SweptStore[] {
  if (!chunks) return []
  const { store, owner, unfinished } = chunks
  return [{ id, chunks: store, owner, unfinished }]
}

/** Whether a store takes no images. */
export function isReadOnly({ chunks, objects }: Pick<Store, 'chunks' | 'objects'>): boolean {
  return chunks === null && (objects?.writing ?? null) === null
}

/**
 * Where images wait for their import: among chunks where there are any, so that nothing is copied when they are to stay
 * there, and where every node reaches them.
 */
export function stagingStore({ all, byDefault }: Pick<Stores, 'all' | 'byDefault'>): Store {
  if (byDefault.chunks) return byDefault
  return all.find(({ chunks }) => chunks !== null) ?? byDefault
}
