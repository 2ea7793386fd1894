/** The stores of Node and Deno, as they are configured. */
import { join, resolve } from 'node:path'
import { NO_STORE } from '../../schema/tables.ts'
import { createFileStore } from '../blobs/fs/store.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { claimedByPut, createStoreOwner, type StoreOwner } from '../inventory/store-owner.ts'
import type { Registry } from '../registry/database.ts'
import type { StoreConfig } from '../store-config.ts'
import type { Store } from '../stores/store.ts'
import { describeStore } from './describe-store.ts'

export interface StoreParts {
  config: Config
  registry: Registry
  /** The id of the registry. */
  siteId(): Promise<string>
  /** What stands between a store on this machine and those who use it. */
  guard(own: OwnStore): Promise<ChunkStore>
}

/** A store on this machine, whose chunks can be looked at. */
export interface OwnStore {
  id: string
  isDefault: boolean
  local: LocalStore
}

export interface OpenedStores {
  all: Store[]
  /** Those of them that lie on this machine. */
  own: OwnStore[]
  close(): Promise<void>
}

/** Opens no connection: a store that cannot be reached is told of by whoever needs it. */
export async function openLocalStores(parts: StoreParts): Promise<OpenedStores> {
  const own: OwnStore[] = []
  const all: Store[] = []
  for (const store of parts.config.stores) {
    const { adapter, local } = await openAdapter(parts, store)
    if (local) own.push({ id: store.id, isDefault: store.isDefault, local })
    all.push({ ...describeStore(store), ...adapter })
  }
  return {
    all,
    own,
    async close() {
      for (const { local } of own) local.close()
    },
  }
}

/** The store of an edge, or the one of an origin that is written by default where that is on this machine. */
export function openLocalStore(config: Config): LocalStore {
  return createFileStore(chunkFolder(config))
}

/** The folder of a store of files, or of an edge's chunks. */
export function chunkFolder({ heliostat, stores }: Pick<Config, 'heliostat' | 'stores'>): string {
  const files = stores.filter((store) => store.kind === 'file')
  const chosen = files.find(({ isDefault }) => isDefault) ?? files[0]
  return folderOf(heliostat, chosen?.options.filesystem_store_datadir ?? null)
}

function folderOf({ data_dir }: Config['heliostat'], folder: string | null): string {
  return join(folder ?? data_dir, 'chunks')
}

/** The one store of an edge, which has no name and takes no uploads. */
export function storeOfEdge(
  store: ChunkStore,
  { owner, local }: { owner: StoreOwner; local: LocalStore },
): Store {
  return {
    id: NO_STORE,
    kind: 'file',
    place: '',
    isDefault: true,
    description: null,
    weight: 0,
    writesAtOnce: 1,
    properties: async () => ({}),
    check: async () => undefined,
    chunks: { store, owner, unfinished: local, room: null },
    objects: null,
  }
}

type Adapter = Pick<Store, 'place' | 'writesAtOnce' | 'properties' | 'check' | 'chunks' | 'objects'>

interface Opened {
  adapter: Adapter
  local: LocalStore | null
}

async function openAdapter(parts: StoreParts, store: StoreConfig): Promise<Opened> {
  switch (store.kind) {
    case 'file':
      return openFiles(parts, store)
    default:
      throw new ConfigError(`Store "${store.id}": "${store.kind}" is no kind of store here`)
  }
}

async function openFiles(
  { config, registry, siteId, guard }: StoreParts,
  { id, isDefault, options }: Extract<StoreConfig, { kind: 'file' }>,
): Promise<Opened> {
  const folder = folderOf(config.heliostat, options.filesystem_store_datadir)
  const local = createFileStore(folder)
  const owner = createStoreOwner({ registry, storeId: id, store: local, id: siteId, isEdge: false })
  const store = claimedByPut(await guard({ id, isDefault, local }), owner)
  return {
    local,
    adapter: {
      place: `file:${resolve(folder)}`,
      writesAtOnce: 1,
      properties: async () => ({
        data_dir: options.filesystem_store_datadir ?? config.heliostat.data_dir,
        chunk_size: config.heliostat.chunk_size,
        thin_provisioning: true,
      }),
      check: async () => undefined,
      chunks: { store, owner, unfinished: local, room: local },
      objects: null,
    },
  }
}
