/** The stores of a Worker, which has no disk. */
import { z } from 'zod'
import { type ChunkBucket, createR2Store } from '../blobs/r2.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { claimedByPut, createStoreOwner } from '../inventory/store-owner.ts'
import type { Registry } from '../registry/database.ts'
import type { StoreConfig } from '../store-config.ts'
import type { Store } from '../stores/store.ts'
import { describeStore } from './describe-store.ts'

export interface WorkerStoreParts {
  config: Config
  registry: Registry
  /** The id of the registry. */
  siteId(): Promise<string>
  env: Record<string, unknown>
}

export function openWorkerStores(parts: WorkerStoreParts): Store[] {
  return parts.config.stores.map((store) => openStore(parts, store))
}

function openStore(parts: WorkerStoreParts, store: StoreConfig): Store {
  switch (store.kind) {
    case 'r2':
      return openBucket(parts, store)
    default:
      throw new ConfigError(
        `Store "${store.id}": a Worker has no stores of the kind "${store.kind}"`,
      )
  }
}

/** As much as shows that a binding is one of R2. */
const bucket = z.custom<ChunkBucket>(
  (value) => typeof value === 'object' && value !== null && 'head' in value && 'list' in value,
)

function openBucket(
  { registry, siteId, env }: WorkerStoreParts,
  config: Extract<StoreConfig, { kind: 'r2' }>,
): Store {
  const { r2_binding: name } = config.options
  const { data: bound } = bucket.safeParse(env[name])
  if (!bound) {
    throw new ConfigError(
      `[${config.id}] r2_binding: got "${name}", wanted the name of an R2 bucket that is bound in wrangler.toml`,
    )
  }
  const store = createR2Store(bound)
  const owner = createStoreOwner({
    registry,
    storeId: config.id,
    store,
    id: siteId,
    isEdge: false,
  })
  return {
    ...describeStore(config),
    place: `r2:${name}`,
    writesAtOnce: 1,
    properties: async () => ({ binding: name }),
    check: async () => undefined,
    chunks: { store: claimedByPut(store, owner), owner, unfinished: null, room: null },
    objects: null,
  }
}
