/** The stores of Node and Deno, as they are configured. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { NO_STORE } from '../../schema/tables.ts'
import { createCacheStore, createFileStore } from '../blobs/fs/store.ts'
import { createGlanceFiles } from '../blobs/glance/files.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { createAddressFilter } from '../http/address-filter.ts'
import type { StoreOwner } from '../inventory/store-owner.ts'
import { shownPath } from '../masking.ts'
import type { StoreConfig } from '../store-config.ts'
import type { Store } from '../stores/store.ts'
import { describeStore } from './describe-store.ts'
import { whyNot } from './file-mistakes.ts'
import { createOutgoing } from './outgoing.ts'
import {
  type Adapter,
  claimedChunks,
  type ConfigOf,
  openHttp,
  type RegistryParts,
} from './store-adapters.ts'

export interface StoreParts extends RegistryParts {
  config: Config
  /** What stands between a store on this machine and those who use it. */
  guard(own: OwnStore): Promise<ChunkStore>
}

/** While one chunk is written and synced, the next one is digested. */
const WRITES_AT_ONCE = 2

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
  const closing: (() => unknown)[] = []
  for (const store of parts.config.stores) {
    const { adapter, local, close } = await openAdapter(parts, store)
    if (local) own.push({ id: store.id, isDefault: store.isDefault, local })
    all.push({ ...describeStore(store), ...adapter })
    closing.push(close)
  }
  return {
    all,
    own,
    async close() {
      await Promise.all(closing.map((close) => close()))
    },
  }
}

/** The store of an edge, or the one of an origin that is written by default where that is on this machine. */
export function openLocalStore(config: Config): LocalStore {
  return createFileStore(chunkFolder(config))
}

/** The same of an edge that serves, which fetches again what a loss of power has taken. */
export function openEdgeStore(config: Config): LocalStore {
  return createCacheStore(chunkFolder(config))
}

/** The folder of a store of files, or of an edge's chunks. */
export function chunkFolder({ heliostat, stores }: Pick<Config, 'heliostat' | 'stores'>): string {
  const files = stores.filter((store) => store.kind === 'file')
  const chosen = files.find(({ isDefault }) => isDefault) ?? files[0]
  return folderOf(heliostat, chosen?.options.filesystem_store_datadir ?? null)
}

/** What makes two folders of chunks the same. */
export function placeOfFiles(folder: string): string {
  return `file:${resolve(folder)}`
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
    shownUrl: (url) => url,
  }
}

interface Opened {
  adapter: Adapter
  local: LocalStore | null
  close(): unknown
}

async function openAdapter(parts: StoreParts, store: StoreConfig): Promise<Opened> {
  if (store.kind === 'file') return openFiles(parts, store)
  const { close = () => undefined, ...adapter } = await openElsewhere(parts, store)
  return { adapter, local: null, close }
}

/** A kind that a site does not have is not loaded either, which would take a tenth of its start. */
async function openElsewhere(
  parts: StoreParts,
  store: Exclude<StoreConfig, { kind: 'file' }>,
): Promise<Adapter & { close?(): Promise<void> }> {
  switch (store.kind) {
    case 's3': {
      const ca = await readOptionFile(store.id, 's3_store_cacert', store.options.s3_store_cacert)
      const { openS3 } = await import('./remote-stores.ts')
      return openS3(parts, store, { fetch: createOutgoing({ ca }), env: process.env })
    }
    case 'swift': {
      const { swift_store_cacert: cacert, swift_store_auth_insecure: insecure } = store.options
      const ca = await readOptionFile(store.id, 'swift_store_cacert', cacert)
      const { swift_store_config_file: file } = store.options
      const reference = await readOptionFile(store.id, 'swift_store_config_file', file)
      const { openSwift } = await import('./remote-stores.ts')
      return openSwift(parts, store, { fetch: createOutgoing({ ca, insecure }), reference })
    }
    case 'rbd': {
      const { openRbd } = await import('./object-stores.ts')
      return openRbd(store)
    }
    case 'vmware': {
      const { vmware_ca_file: file, vmware_insecure: insecure } = store.options
      const ca = await readOptionFile(store.id, 'vmware_ca_file', file)
      const { openVmware } = await import('./object-stores.ts')
      return openVmware(store, createOutgoing({ ca, insecure }))
    }
    case 'http': {
      const filter = createAddressFilter(parts.config.import_filtering_opts)
      const { https_ca_certificates_file: file, https_insecure: insecure } = store.options
      const ca = await readOptionFile(store.id, 'https_ca_certificates_file', file)
      return openHttp(createOutgoing({ ca, insecure, filter }), filter)
    }
    case 'r2':
      throw new ConfigError(`Store "${store.id}": only a Worker has a bucket bound to it`)
  }
}

/** The text of a file that an option names; null where it names none. */
async function readOptionFile(
  store: string,
  option: string,
  file: string | null,
): Promise<string | null> {
  if (file === null) return null
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(
      `[${store}] ${option}: cannot read "${shownPath(file)}": ${whyNot(error)}`,
    )
  }
}

async function openFiles(
  parts: StoreParts,
  { id, isDefault, options }: ConfigOf<'file'>,
): Promise<Opened> {
  const { heliostat } = parts.config
  const folder = folderOf(heliostat, options.filesystem_store_datadir)
  const local = createFileStore(folder)
  const guarded = await parts.guard({ id, isDefault, local })
  const chunks = claimedChunks(parts, id, { ...local, ...guarded })
  return {
    local,
    close: () => local.close(),
    adapter: {
      place: placeOfFiles(folder),
      writesAtOnce: WRITES_AT_ONCE,
      properties: async () => ({
        data_dir: options.filesystem_store_datadir ?? heliostat.data_dir,
        chunk_size: heliostat.chunk_size,
        thin_provisioning: true,
      }),
      check: async () => undefined,
      chunks: { ...chunks, room: local },
      objects: createGlanceFiles(options),
    },
  }
}
