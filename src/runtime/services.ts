import { defineImage } from '../../schema/image.ts'
import type { HasBytes, OpenBody } from '../blobs/body.ts'
import type { ChunkBuffers } from '../blobs/chunk-buffers.ts'
import type { Digester } from '../blobs/digest.ts'
import { NoSpaceError } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import { type Identify, identifyEveryone } from '../identity/caller.ts'
import { createKeystoneClient } from '../identity/keystone-client.ts'
import { openKeystoneLimits } from '../identity/keystone-limits.ts'
import { identifyByKeystone, keystoneChallenge } from '../identity/keystone.ts'
import { DEFAULT_POLICY, type Policy } from '../identity/policy.ts'
import { identifyByTokens } from '../identity/static-tokens.ts'
import { identifyByTrustedHeaders } from '../identity/trusted-headers.ts'
import { createAccess } from '../images/access.ts'
import { createLocationView } from '../images/locations/shown.ts'
import { createMemberRepo } from '../images/members.ts'
import { createProjectLimits } from '../images/project-limits.ts'
import { NO_PROTECTION, type PropertyProtection } from '../images/protection/properties.ts'
import { storageQuota } from '../images/storage-quota.ts'
import { createImageRepo } from '../images/repo.ts'
import type { AddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'
import { createUploadRepo } from '../images/upload/rows.ts'
import { createUploader, type UploadParts, type Uploader } from '../images/upload/uploader.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { createSweeper, type Sweeper } from '../inventory/sweep.ts'
import { createMetadefAccess } from '../metadefs/access.ts'
import { createMetadefRepo } from '../metadefs/repo.ts'
import { createFollowers, type Followers } from '../mirror/feed/followers.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import type { ImageCache } from '../mirror/pinning/image-cache.ts'
import { createReadiness } from '../readiness.ts'
import type { Registry } from '../registry/database.ts'
import { createRememberedTokens, type RememberedTokens } from '../registry/remembered-tokens.ts'
import type { Services } from '../services.ts'
import type { Copies } from '../stores/copies.ts'
import type { Copier } from '../stores/copying.ts'
import { createLooseObjects } from '../stores/loose.ts'
import { conditionsOf, type Stores, sweptStore } from '../stores/store.ts'
import type { Chores } from './chores.ts'
import type { SiteHealth } from './health.ts'
import type { SiteMetrics } from './metrics.ts'
import type { SigningFiles } from './signing-certificates.ts'
import { createSiteCopier } from './site-copier.ts'
import { createSiteImports } from './site-imports.ts'
import { createSiteLocations } from './site-locations.ts'
import type { ImportTools } from './site-plugins.ts'
import { createSiteSignatures } from './site-signatures.ts'

/** What differs from runtime to runtime. */
export interface Parts {
  config: Config
  registry: Registry
  feed: Feed
  manifests: Manifests
  stores: Stores
  copies: Copies
  digester: Digester
  buffers: ChunkBuffers
  openBody: OpenBody
  hasBytes: HasBytes
  openPreferred: Services['openPreferred']
  /** Absent where no other process has heard of any. */
  followers?: Followers
  cache: ImageCache | null
  /** Removes chunks that are kept here beside the stores and no image needs any more; tells how many. */
  sweepCache(): Promise<number>
  /** The lines of the token file, where there is one. */
  tokens: string
  operatorToken: string | null
  /** What an operator's files make of the policy; without it the defaults are in force. */
  rules?: Rules
  /** Absent where there are no files. */
  signing?: SigningFiles
  isDisabled(): Promise<boolean>
  chores: Chores
  /** What is wrong with the database; null for nothing. */
  damage(): string | null
  noteDamage: Services['noteDamage']
  /** Null for a runtime that knows nothing of its machine, and counts nothing. */
  health: SiteHealth | null
  /** Reaches what is behind HTTP; what the filter refuses only where the platform lets it be. */
  openFetch(filter: AddressFilter | null): Fetch
  importTools: ImportTools
  count: Pick<SiteMetrics, 'countUploads' | 'countSweeps'> | null
}

export interface Rules {
  policy: Policy
  protection: PropertyProtection
}

const DEFAULT_RULES: Rules = { policy: DEFAULT_POLICY, protection: NO_PROTECTION }
const NOT_COUNTED: NonNullable<Parts['count']> = {
  countUploads: (uploader) => uploader,
  countSweeps: (sweeper) => sweeper,
}

/** The services, and what a runtime does by itself now and then. */
export interface SiteServices extends Services {
  sweeper: Sweeper
  sweepCache: Parts['sweepCache']
  copier: Copier
  rememberedTokens: Pick<RememberedTokens, 'deleteExpired'>
  chores: Chores
}

/** Fills the services of a runtime from its parts. */
export function createServices(parts: Parts): SiteServices {
  const { config, registry } = parts
  const { policy, protection } = parts.rules ?? DEFAULT_RULES
  const { countUploads, countSweeps } = parts.count ?? NOT_COUNTED
  const health = parts.health ?? unknownHealth(parts)
  const sweeper = countSweeps(
    createSweeper({ ...parts, stores: parts.stores.all.flatMap(sweptStore) }),
  )
  const looseObjects = createLooseObjects(registry, parts.stores)
  const rememberedTokens = createRememberedTokens(registry)
  const locationView = createLocationView(parts.stores, config.DEFAULT)
  const images = createImageRepo(registry, locationView.showsAny)
  const metadefs = createMetadefRepo(registry)
  const limits = createProjectLimits(registry, openKeystoneLimits(config, fetch))
  const signatures = createSiteSignatures(config, parts.signing ?? null)
  const uploader = countUploads(
    createSiteUploader(parts, { sweeper, looseObjects, limits, signatures }),
  )
  const copier = createSiteCopier({ ...parts, looseObjects })
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
    uploader,
    ...createSiteImports(parts, { images, limits, uploader, copier, looseObjects, signatures }),
    limits,
    stores: parts.stores,
    locationView,
    ...createSiteLocations(parts, locationView),
    looseObjects,
    manifests: parts.manifests,
    feed: parts.feed,
    followers: parts.followers ?? createFollowers(),
    openBody: parts.openBody,
    hasBytes: parts.hasBytes,
    openPreferred: parts.openPreferred,
    noteDamage: parts.noteDamage,
    cache: parts.cache,
    identify: createIdentify(parts, rememberedTokens),
    challenge: challengeOf(config),
    isDisabled: parts.isDisabled,
    readiness: health.readiness,
    metrics: health.metrics,
    edge: health.edge,
    operatorToken: parts.operatorToken,
    origin: config.mirror.upstream[0] ?? null,
    sweeper,
    sweepCache: parts.sweepCache,
    copier,
    rememberedTokens,
    chores: parts.chores,
  }
}

function createSiteUploader(
  { config, registry, digester, buffers }: Parts,
  parts: Pick<UploadParts, 'sweeper' | 'looseObjects' | 'limits' | 'signatures'>,
): Uploader {
  const uploader = createUploader({
    ...parts,
    uploads: createUploadRepo(registry, storageQuota(config.DEFAULT)),
    digester,
    buffers,
    options: {
      ...config.heliostat,
      ...config.DEFAULT,
      ...config.image_format,
      unpacks: config.image_import_opts.image_import_plugins.includes('image_decompression'),
    },
  })
  return tellingOfRoom(uploader)
}

/** Lets a store know when an upload was given up that it had no room for. */
function tellingOfRoom(uploader: Uploader): Uploader {
  return {
    recover: uploader.recover,
    async upload(image, takeBody, request) {
      try {
        await uploader.upload(image, takeBody, request)
      } catch (error) {
        // A disk that cannot tell what room it has counts as one that cannot be written anyway.
        const room = error instanceof NoSpaceError ? request.store.chunks?.room : null
        await room?.givenUp().catch(() => undefined)
        throw error
      }
    },
  }
}

function unknownHealth({ registry, stores, damage, chores }: Parts): SiteHealth {
  const nothing = { hasFile: null, disk: null, damaged: async () => 0, edge: null }
  return {
    readiness: createReadiness({
      registry,
      stores: conditionsOf(stores),
      damage,
      ...nothing,
      failing: async () => chores.failing(),
    }),
    metrics: null,
    edge: null,
  }
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
