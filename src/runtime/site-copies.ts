import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { createPlaces } from '../inventory/places.ts'
import type { Registry } from '../registry/database.ts'
import { byPreferredKind } from '../store-config.ts'
import { type Copies, createCopies } from '../stores/copies.ts'
import { createStoreOrder } from '../stores/order.ts'
import type { Store, Stores } from '../stores/store.ts'

export interface SiteCopiesParts {
  config: Config
  registry: Registry
  stores: Stores
  manifests: Pick<Manifests, 'sizeOfChunk'>
}

/** What is read of a site's stores, or only of some of them. */
export function createSiteCopies(
  { config, registry, stores, manifests }: SiteCopiesParts,
  some: readonly Store[] = stores.all,
): Copies {
  return createCopies({
    stores,
    order: createStoreOrder(byPreferredKind(some, config)),
    places: createPlaces(registry),
    sizeOfChunk: manifests.sizeOfChunk,
  })
}
