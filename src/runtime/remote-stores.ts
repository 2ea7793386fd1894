/** Stores that are reached over HTTP, on any runtime. */
import { createHttpStore } from '../blobs/http-store.ts'
import { createS3Objects, withoutKeys } from '../blobs/s3/objects.ts'
import { s3Credentials } from '../blobs/s3/settings.ts'
import { createS3Store } from '../blobs/s3/store.ts'
import { createSwiftObjects } from '../blobs/swift/objects.ts'
import { swiftReference } from '../blobs/swift/reference.ts'
import { swiftAccount } from '../blobs/swift/settings.ts'
import { createSwiftStore } from '../blobs/swift/store.ts'
import { shownSwiftUrl } from '../blobs/swift/url.ts'
import type { ChunkStore, OwnedStore, UnfinishedWrites } from '../blobs/store.ts'
import { ConfigError } from '../errors.ts'
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

/** `fetch` knows the certificates of the store; `env` is where boto looks for keys. */
export function openS3(
  parts: RegistryParts,
  { id, options }: ConfigOf<'s3'>,
  { fetch, env }: { fetch: Fetch; env: Record<string, string | undefined> },
): Adapter {
  const { s3_store_host: host, s3_store_bucket: bucket } = options
  const credentials = s3Credentials(options, env)
  if (host === null || bucket === null || credentials === null) {
    throw new ConfigError(
      `[${id}] s3_store_access_key: got "", wanted one, and s3_store_secret_key (or both as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment)`,
    )
  }
  const settings = { ...options, s3_store_host: host, s3_store_bucket: bucket, credentials }
  const store = createS3Store(settings, fetch)
  return {
    place: `s3:${host}/${bucket}`,
    writesAtOnce: WRITES_AT_ONCE,
    properties: async () => ({ bucket }),
    check: store.check,
    chunks: claimedChunks(parts, id, store),
    objects: createS3Objects(settings, fetch),
    shownUrl: withoutKeys,
  }
}

/** `reference` is the text of `swift_store_config_file`; null where there is none. */
export function openSwift(
  parts: RegistryParts,
  { id, options }: ConfigOf<'swift'>,
  { fetch, reference }: { fetch: Fetch; reference: string | null },
): Adapter {
  const { default_swift_reference: name, swift_store_auth_version: version } = options
  const account =
    reference === null ? swiftAccount(options) : swiftReference(reference, name, version)
  const settings = { ...options, account }
  const store = createSwiftStore(settings, fetch)
  const { swift_store_container: container } = options
  return {
    place: `swift:${options.swift_store_endpoint ?? account.auth_address} ${account.user ?? account.application_credential_id ?? ''} ${container}`,
    writesAtOnce: WRITES_AT_ONCE,
    properties: async () => ({ container }),
    check: store.check,
    chunks: claimedChunks(parts, id, store),
    objects: createSwiftObjects(settings, fetch),
    shownUrl: (url) => shownSwiftUrl(url) ?? url,
  }
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
