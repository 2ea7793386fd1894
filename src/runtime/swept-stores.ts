import { NO_STORE } from '../../schema/tables.ts'
import type { Config } from '../config.ts'
import { createStoreOwner } from '../inventory/store-owner.ts'
import type { SweptStore } from '../inventory/sweep.ts'
import type { Registry } from '../registry/database.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import { sweptStore } from '../stores/store.ts'
import { openLocalStore, openLocalStores, type OwnStore } from './local-stores.ts'

/** The stores that chunks are swept from, for whoever has no service running. */
export async function openSweptStores(
  registry: Registry,
  { config, isEdge }: { config: Config; isEdge: boolean },
): Promise<{ stores: SweptStore[]; close(): Promise<void> }> {
  const siteId = createFeed(registry).siteId
  if (isEdge) {
    const local = openLocalStore(config)
    const owner = createStoreOwner({
      registry,
      storeId: NO_STORE,
      store: local,
      id: siteId,
      isEdge,
    })
    const store = { id: NO_STORE, chunks: local, unfinished: local, owner }
    return { stores: [store], close: async () => local.close() }
  }
  const guard = async ({ local }: OwnStore) => local
  const { all, close } = await openLocalStores({ config, registry, siteId, guard })
  return { stores: all.flatMap(sweptStore), close }
}
