import { hasNamedStores, type Config } from '../config.ts'
import { createManifests, type Manifests } from '../inventory/manifests.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import type { Registry } from '../registry/database.ts'
import type { Copies } from '../stores/copies.ts'
import { createLooseObjects, type LooseObjects } from '../stores/loose.ts'
import { createStores, type Store, type Stores } from '../stores/store.ts'
import { createThreadedDigester, type ThreadedDigester } from './digest-threads.ts'
import { openLocalStores, type OwnStore } from './local-stores.ts'
import { createSiteCopies } from './site-copies.ts'

/** The stores of an origin, for a command that works on them, beside a service or without one. */
export interface CommandStores {
  config: Config
  registry: Registry
  stores: Stores
  manifests: Manifests
  copies: Copies
  looseObjects: LooseObjects
  digester: ThreadedDigester
  /** What is copied, without one of the stores. */
  copiesWithout(store: Store): Copies
  close(): Promise<void>
}

export async function openCommandStores(
  registry: Registry,
  config: Config,
): Promise<CommandStores> {
  const siteId = createFeed(registry).siteId
  const guard = async ({ local }: OwnStore) => local
  const opened = await openLocalStores({ config, registry, siteId, guard })
  const stores = createStores(opened.all, hasNamedStores(config))
  const manifests = createManifests(registry)
  const digester = createThreadedDigester()
  const parts = { config, registry, stores, manifests }
  return {
    ...parts,
    digester,
    copies: createSiteCopies(parts),
    looseObjects: createLooseObjects(registry, stores),
    copiesWithout: (store) =>
      createSiteCopies(
        parts,
        stores.all.filter((other) => other !== store),
      ),
    async close() {
      await digester.close()
      await opened.close()
    },
  }
}
