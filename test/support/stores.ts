import type { ChunkStore, OwnedStore } from '../../src/blobs/store.ts'
import { claimedByPut, type StoreOwner } from '../../src/inventory/store-owner.ts'
import type { Store } from '../../src/stores/store.ts'

/** A store of chunks, as a runtime would set it up. */
export function chunksIn(
  store: ChunkStore & OwnedStore,
  { owner, ...facts }: { owner: StoreOwner } & Partial<Store>,
): Store {
  return {
    id: 'file',
    kind: 'file',
    place: '',
    description: null,
    weight: 0,
    isDefault: true,
    writesAtOnce: 1,
    properties: async () => ({}),
    check: async () => undefined,
    chunks: { store: claimedByPut(store, owner), owner, unfinished: null, room: null },
    objects: null,
    shownUrl: (url) => url,
    ...facts,
  }
}
