/** What each kind of store gives to a `Store`, and those kinds that a site mostly has. */
import { createHttpStore } from '../blobs/http-store.ts'
import type { ChunkStore, OwnedStore, UnfinishedWrites } from '../blobs/store.ts'
import type { AddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'
import { claimedByPut, createStoreOwner } from '../inventory/store-owner.ts'
import type { Registry } from '../registry/database.ts'
import type { StoreConfig } from '../store-config.ts'
import type { StoreKind } from '../store-options.ts'
import type { Store, StoreChunks } from '../stores/store.ts'

/** As many as keep a link busy on which each write waits for an answer. */
export const WRITES_AT_ONCE = 4

/** The configuration of a store of the kind. */
export type ConfigOf<K extends StoreKind> = Extract<StoreConfig, { kind: K }>

/** What a kind of store gives to a `Store`. */
export type Adapter = Pick<
  Store,
  'place' | 'writesAtOnce' | 'properties' | 'check' | 'chunks' | 'objects'
> &
  Partial<Pick<Store, 'shownUrl'>>

export interface RegistryParts {
  registry: Registry
  /** The id of the registry. */
  siteId(): Promise<string>
}

/** Chunks that belong to a registry, and that it claims with the first one it puts. */
export function claimedChunks(
  { registry, siteId }: RegistryParts,
  storeId: string,
  store: ChunkStore & OwnedStore & Partial<UnfinishedWrites>,
): StoreChunks {
  const owner = createStoreOwner({ registry, storeId, store, id: siteId, isEdge: false })
  const { removeUnfinished } = store
  const unfinished = removeUnfinished ? { removeUnfinished } : null
  return { store: claimedByPut(store, owner), owner, unfinished, room: null }
}

/** `fetch` refuses the addresses that the filter does. */
export function openHttp(fetch: Fetch, filter: Pick<AddressFilter, 'check'>): Adapter {
  return {
    place: 'http:',
    writesAtOnce: 1,
    properties: async () => ({}),
    check: null,
    chunks: null,
    objects: createHttpStore({ filter }, fetch),
  }
}
