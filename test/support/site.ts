import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NO_STORE } from '../../schema/tables.ts'
import { createApp } from '../../src/app.ts'
import { createBodyOpener, createBytesProbe } from '../../src/blobs/body.ts'
import { createChunkBuffers } from '../../src/blobs/chunk-buffers.ts'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import {
  type Config,
  hasNamedStores,
  isEdge,
  loadConfig,
  type RawConfig,
} from '../../src/config.ts'
import { createManifests } from '../../src/inventory/manifests.ts'
import { createStoreOwner } from '../../src/inventory/store-owner.ts'
import { createFeed } from '../../src/mirror/feed/reader.ts'
import { openRegistry, type Registry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { createAddressFilter } from '../../src/http/address-filter.ts'
import { describeStore } from '../../src/runtime/describe-store.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { openHttp } from '../../src/runtime/store-adapters.ts'
import { createChores } from '../../src/runtime/chores.ts'
import { openPreferred } from '../../src/runtime/preferred.ts'
import { createServices, type Parts } from '../../src/runtime/services.ts'
import { openSigningFiles } from '../../src/runtime/signing-certificates.ts'
import { createSiteCopies } from '../../src/runtime/site-copies.ts'
import { openImportTools } from '../../src/runtime/import-tools.ts'
import { type ImportTools, NO_TOOLS } from '../../src/runtime/site-plugins.ts'
import type { StoreConfig } from '../../src/store-config.ts'
import { createStores, type Store } from '../../src/stores/store.ts'
import { chunksIn } from './stores.ts'

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'heliostat-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

interface ServiceParts extends Pick<Parts, 'config' | 'registry'> {
  stores: Store[]
  importTools?: ImportTools
}

/** The services of a site that keeps nothing in files. */
export function createTestServices({ config, registry, stores: all, importTools }: ServiceParts) {
  const stores = createStores(all, hasNamedStores(config))
  const manifests = createManifests(registry)
  const copies = createSiteCopies({ config, registry, stores, manifests })
  return createServices({
    config,
    registry,
    stores,
    copies,
    feed: createFeed(registry),
    manifests,
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    openBody: createBodyOpener(copies),
    hasBytes: createBytesProbe(copies),
    openPreferred: (prefer) =>
      openPreferred({ copies, manifests, digester: inlineDigester }, prefer),
    openFetch: (filter) => createOutgoing({ filter }),
    importTools: importTools ?? NO_TOOLS,
    cache: null,
    sweepCache: async () => 0,
    tokens: '',
    signing: openSigningFiles(config),
    operatorToken: null,
    isDisabled: async () => false,
    chores: createChores(),
    damage: () => null,
    noteDamage: async () => undefined,
    health: null,
    count: null,
  })
}

export type TestSite = Awaited<ReturnType<typeof createTestSite>>

/** A whole service without a socket: an embedded database in a temporary folder, chunks in memory. */
export async function createTestSite(raw: RawConfig = {}) {
  const folder = await temporaryFolder()
  const registry = openRegistry(openEmbedded(join(folder.path, 'registry.db')))
  await migrate(registry)
  const { config } = loadConfig(raw)
  const opened = config.stores
    .filter(({ kind }) => kind === 'file')
    .map((store) => openInMemory(registry, config, store))
  const byDefault = opened.find(({ facts }) => facts.isDefault)
  if (!byDefault) throw new Error('The default store of a test site is one of files')
  const stores = config.stores.flatMap((store) => {
    const inMemory = opened.filter(({ facts }) => facts.id === store.id || isEdge(config))
    if (store.kind === 'http') return [openWeb(config, store)]
    return store.kind === 'file' ? inMemory.map(({ facts }) => facts) : []
  })
  const importTools = await openImportTools(config)
  const services = createTestServices({ config, registry, stores, importTools })
  const app = createApp(services)
  return {
    app,
    store: byDefault.store,
    owner: byDefault.owner,
    /** What stands for each of the stores of files that are configured. */
    memoryOf: (id: string) => opened.find(({ facts }) => facts.id === id)?.store ?? byDefault.store,
    registry,
    stores,
    services,
    /** A request from this machine, as the node runtime would pass it on. */
    request: (path: string, init?: RequestInit) =>
      Promise.resolve(app.request(path, init, { peerAddress: '127.0.0.1' })),
    async close() {
      await services.importer.stop()
      registry.$client.close()
      await folder.remove()
    },
  }
}

function openWeb(config: Config, store: Extract<StoreConfig, { kind: 'http' }>): Store {
  const filter = createAddressFilter(config.import_filtering_opts)
  return { ...describeStore(store), ...openHttp(createOutgoing({ filter }), filter) }
}

function openInMemory(registry: Registry, config: Config, { id, isDefault, options }: StoreConfig) {
  const store = createMemoryStore()
  const storeId = isEdge(config) ? NO_STORE : id
  const siteId = createFeed(registry).siteId
  const owner = createStoreOwner({
    registry,
    storeId,
    store,
    id: siteId,
    isEdge: isEdge(config),
  })
  const { weight, store_description: description } = options
  return {
    store,
    owner,
    facts: chunksIn(store, { owner, id: storeId, isDefault, weight, description }),
  }
}

/** The headers of a caller, for `[paste_deploy] flavor = trusted`. */
export function asCaller(project: string, roles = 'member,reader'): Record<string, string> {
  return {
    'X-Identity-Status': 'Confirmed',
    'X-User-Id': `user-of-${project}`,
    'X-Project-Id': project,
    'X-Roles': roles,
  }
}

/** An administrator, of a project that nobody else is of. */
export const ADMIN = asCaller('cloud', 'admin,member,reader')
