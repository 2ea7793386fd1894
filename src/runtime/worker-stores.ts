/** The stores of a Worker, which has no disk. */
import { z } from 'zod'
import { type ChunkBucket, createR2Store } from '../blobs/r2.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { createAddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'
import type { StoreConfig } from '../store-config.ts'
import type { Store } from '../stores/store.ts'
import { describeStore } from './describe-store.ts'
import { openS3, openSwift } from './remote-stores.ts'
import {
  type Adapter,
  claimedChunks,
  type ConfigOf,
  openHttp,
  type RegistryParts,
} from './store-adapters.ts'

export interface WorkerStoreParts extends RegistryParts {
  config: Config
  env: Record<string, unknown>
}

export function openWorkerStores(parts: WorkerStoreParts): Store[] {
  return parts.config.stores.map((store) => ({
    ...describeStore(store),
    ...openAdapter(parts, store),
  }))
}

function openAdapter(parts: WorkerStoreParts, store: StoreConfig): Adapter {
  switch (store.kind) {
    case 'r2':
      return openBucket(parts, store)
    case 's3':
      return openS3(parts, store, { fetch: send, env: texts(parts.env) })
    case 'swift':
      return openSwift(parts, store, { fetch: send, reference: null })
    case 'http':
      return openHttp(send, createAddressFilter(parts.config.import_filtering_opts))
    case 'file':
    case 'rbd':
    case 'vmware':
      throw new ConfigError(
        `Store "${store.id}": a Worker has no stores of the kind "${store.kind}"`,
      )
  }
}

/** As much as shows that a binding is one of R2. */
const bucket = z.custom<ChunkBucket>(
  (value) => typeof value === 'object' && value !== null && 'head' in value && 'list' in value,
)

function openBucket({ env, ...parts }: WorkerStoreParts, config: ConfigOf<'r2'>): Adapter {
  const { r2_binding: name } = config.options
  const { data: bound } = bucket.safeParse(env[name])
  if (!bound) {
    throw new ConfigError(
      `[${config.id}] r2_binding: got "${name}", wanted the name of an R2 bucket that is bound in wrangler.toml`,
    )
  }
  return {
    place: `r2:${name}`,
    writesAtOnce: 1,
    properties: async () => ({ binding: name }),
    check: async () => undefined,
    chunks: claimedChunks(parts, config.id, createR2Store(bound)),
    objects: null,
  }
}

/** Workers lose what `fetch` is called on. */
export const send: Fetch = (url, init) => fetch(url, init)

function texts(env: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(env).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}
