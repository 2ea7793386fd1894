import { defineImage } from '../../schema/image.ts'
import type { OpenBody } from '../blobs/body.ts'
import type { ChunkBuffers } from '../blobs/chunk-buffers.ts'
import type { Digester } from '../blobs/digest.ts'
import { MAX_CHUNKS } from '../blobs/manifest.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { ChunkStore } from '../blobs/store.ts'
import { claimedByPut, createStoreOwner, type StoreOwner } from '../inventory/store-owner.ts'
import { createSweeper, type Sweeper } from '../inventory/sweep.ts'
import type { Config } from '../config.ts'
import { type Identify, identifyEveryone } from '../identity/caller.ts'
import { identifyByKeystone, keystoneChallenge } from '../identity/keystone.ts'
import { createKeystoneClient } from '../identity/keystone-client.ts'
import { openKeystoneLimits } from '../identity/keystone-limits.ts'
import { identifyByTokens } from '../identity/static-tokens.ts'
import { identifyByTrustedHeaders } from '../identity/trusted-headers.ts'
import { DEFAULT_POLICY, type Policy } from '../identity/policy.ts'
import { createAccess } from '../images/access.ts'
import { createMemberRepo } from '../images/members.ts'
import { NO_PROTECTION, type PropertyProtection } from '../images/protection/properties.ts'
import { createProjectLimits } from '../images/project-limits.ts'
import { createImageRepo } from '../images/repo.ts'
import { createUploader } from '../images/upload/uploader.ts'
import { createUploadRepo } from '../images/upload/rows.ts'
import { createMetadefAccess } from '../metadefs/access.ts'
import { createMetadefRepo } from '../metadefs/repo.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import type { ImageCache } from '../mirror/pinning/image-cache.ts'
import { createReadiness } from '../readiness.ts'
import type { Registry } from '../registry/database.ts'
import { createRememberedTokens, type RememberedTokens } from '../registry/remembered-tokens.ts'
import type { Services } from '../services.ts'

/** What differs from runtime to runtime. */
export interface Parts {
  config: Config
  registry: Registry
  store: ChunkStore
  manifests: Manifests
  digester: Digester
  buffers: ChunkBuffers
  openBody: OpenBody
  cache: ImageCache | null
  /** The lines of the token file, where there is one. */
  tokens: string
  /** What an operator's files make of the policy; without it the defaults are in force. */
  rules?: Rules
  isDisabled(): Promise<boolean>
  /** What is wrong with the database; null for nothing. */
  damage(): string | null
}

export interface Rules {
  policy: Policy
  protection: PropertyProtection
}

const DEFAULT_RULES: Rules = { policy: DEFAULT_POLICY, protection: NO_PROTECTION }

/** What a runtime does by itself now and then. */
interface Chores {
  owner: StoreOwner
  sweeper: Sweeper
  rememberedTokens: Pick<RememberedTokens, 'deleteExpired'>
}

/** Fills the services of a runtime from its parts. */
export function createServices(parts: Parts): Services & Chores {
  const { config, registry, store, digester, buffers, openBody, isDisabled } = parts
  const { policy, protection } = parts.rules ?? DEFAULT_RULES
  const owner = openStoreOwner(parts)
  const sweeper = createSweeper({ registry, store, owner, damage: parts.damage })
  const rememberedTokens = createRememberedTokens(registry)
  const images = createImageRepo(registry)
  const metadefs = createMetadefRepo(registry)
  const limits = createProjectLimits(registry, openKeystoneLimits(config, fetch))
  const options = { ...config.heliostat, ...config.DEFAULT, image_size_cap: sizeCap(config) }
  return {
    config,
    definition: defineImage(config.image_format),
    images,
    members: createMemberRepo(registry),
    metadefs,
    metadefAccess: createMetadefAccess(policy, metadefs),
    policy,
    access: createAccess(policy, images),
    protection,
    uploader: createUploader({
      uploads: createUploadRepo(registry, storageQuota(config)),
      store: claimedByPut(store, owner),
      digester,
      buffers,
      sweeper,
      limits,
      options,
    }),
    limits,
    manifests: parts.manifests,
    feed: createFeed(registry),
    openBody,
    cache: parts.cache,
    identify: createIdentify(parts, rememberedTokens),
    challenge: challengeOf(config),
    isDisabled,
    // A runtime that knows more of its site says more.
    readiness: createReadiness({
      registry,
      owner,
      damage: parts.damage,
      disk: null,
      damaged: async () => 0,
      edge: null,
    }),
    metrics: null,
    edge: null,
    origin: config.mirror.upstream[0] ?? null,
    owner,
    sweeper,
    rememberedTokens,
  }
}

/** Whose the chunks of the configured store are. */
export function openStoreOwner({
  config,
  registry,
  store,
}: Pick<Parts, 'config' | 'registry' | 'store'>): StoreOwner {
  const feed = createFeed(registry)
  return createStoreOwner({
    registry,
    store,
    async id() {
      const [own = ''] = await feed.sites()
      return own
    },
    isEdge: config.mirror.upstream.length > 0,
  })
}

function createIdentify({ config, tokens }: Parts, store: RememberedTokens): Identify {
  const { paste_deploy, heliostat, keystone_authtoken: options } = config
  switch (paste_deploy.flavor) {
    case 'trusted':
      return identifyByTrustedHeaders(heliostat.trusted_addresses)
    case 'token':
      return identifyByTokens(`${tokens}\n${heliostat.tokens ?? ''}`)
    case 'keystone':
      return identifyByKeystone({ options, client: createKeystoneClient(options, fetch), store })
    case '':
      return identifyEveryone
  }
}

function challengeOf({ paste_deploy, keystone_authtoken }: Config): string {
  if (paste_deploy.flavor === 'keystone') return keystoneChallenge(keystone_authtoken)
  return 'Token realm="heliostat"'
}

/** Bytes of one upload: what more chunks would have than a manifest may name could never be read. */
function sizeCap({ DEFAULT, heliostat }: Config): number {
  return Math.min(DEFAULT.image_size_cap, heliostat.chunk_size * MAX_CHUNKS)
}

/** Bytes an owner may have. Keystone's limits take its place. */
function storageQuota({ DEFAULT }: Config): number {
  return DEFAULT.use_keystone_limits ? 0 : DEFAULT.user_storage_quota
}
