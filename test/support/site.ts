import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import { createBodyOpener, createBytesProbe } from '../../src/blobs/body.ts'
import { createChunkBuffers } from '../../src/blobs/chunk-buffers.ts'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import { isEdge, loadConfig, type RawConfig } from '../../src/config.ts'
import { createManifests } from '../../src/inventory/manifests.ts'
import { createStoreOwner } from '../../src/inventory/store-owner.ts'
import { createFeed } from '../../src/mirror/feed/reader.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { createChores } from '../../src/runtime/chores.ts'
import { createServices, type Parts } from '../../src/runtime/services.ts'

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'heliostat-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

type ServiceParts = Pick<Parts, 'config' | 'registry' | 'store' | 'owner'>

/** The services of a site that keeps nothing in files. */
export function createTestServices({ config, registry, store, owner }: ServiceParts) {
  return createServices({
    config,
    registry,
    store,
    owner,
    unfinished: null,
    room: null,
    feed: createFeed(registry),
    manifests: createManifests(registry),
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    openBody: createBodyOpener(store),
    hasBytes: createBytesProbe(store),
    cache: null,
    tokens: '',
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
  const store = createMemoryStore()
  const { config } = loadConfig(raw)
  const id = createFeed(registry).siteId
  const owner = createStoreOwner({ registry, store, id, isEdge: isEdge(config) })
  const services = createTestServices({ config, registry, store, owner })
  const app = createApp(services)
  return {
    app,
    store,
    owner,
    registry,
    services,
    /** A request from this machine, as the node runtime would pass it on. */
    request: (path: string, init?: RequestInit) =>
      Promise.resolve(app.request(path, init, { peerAddress: '127.0.0.1' })),
    async close() {
      registry.$client.close()
      await folder.remove()
    },
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
