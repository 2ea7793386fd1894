import { defineImage } from '../../schema/image.ts'
import type { OpenBody } from '../blobs/body.ts'
import type { Digester } from '../blobs/digest.ts'
import { createManifests } from '../blobs/manifests.ts'
import type { ChunkStore } from '../blobs/store.ts'
import { createSweeper, type Sweeper } from '../blobs/sweep.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { type Identify, identifyEveryone } from '../identity/caller.ts'
import { identifyByTokens } from '../identity/static-tokens.ts'
import { identifyByTrustedHeaders } from '../identity/trusted-headers.ts'
import { DEFAULT_POLICY } from '../identity/policy.ts'
import { createAccess } from '../images/access.ts'
import { createImageRepo } from '../images/repo.ts'
import { createUploader } from '../images/upload.ts'
import { createUploadRepo } from '../images/uploads.ts'
import { createFeed } from '../mirror/feed.ts'
import type { ImageCache } from '../mirror/image-cache.ts'
import { createReadiness } from '../readiness.ts'
import type { Registry } from '../registry/database.ts'
import type { Services } from '../services.ts'

/** What differs from runtime to runtime. */
export interface Parts {
  config: Config
  registry: Registry
  store: ChunkStore
  digester: Digester
  openBody: OpenBody
  cache: ImageCache | null
  /** The lines of the token file, where there is one. */
  tokens: string
  isDisabled(): Promise<boolean>
}

/** Fills the services of a runtime from its parts. */
export function createServices(parts: Parts): Services & { sweeper: Sweeper } {
  const { config, registry, store, digester, openBody, isDisabled } = parts
  const sweeper = createSweeper(registry, store)
  const images = createImageRepo(registry)
  const options = { ...config.heliostat, ...config.DEFAULT }
  return {
    config,
    definition: defineImage(config.image_format),
    images,
    policy: DEFAULT_POLICY,
    access: createAccess(DEFAULT_POLICY, images),
    uploader: createUploader({
      uploads: createUploadRepo(registry),
      store,
      digester,
      sweeper,
      options,
    }),
    manifests: createManifests(registry),
    feed: createFeed(registry),
    openBody,
    cache: parts.cache,
    identify: createIdentify(config, parts.tokens),
    challenge: 'Token realm="heliostat"',
    isDisabled,
    // A runtime that knows more of its site says more.
    readiness: createReadiness({ registry, disk: null, damaged: async () => 0, edge: null }),
    metrics: null,
    edge: null,
    origin: config.mirror.upstream[0] ?? null,
    sweeper,
  }
}

function createIdentify({ paste_deploy, heliostat }: Config, tokens: string): Identify {
  switch (paste_deploy.flavor) {
    case 'trusted':
      return identifyByTrustedHeaders(heliostat.trusted_addresses)
    case 'token':
      return identifyByTokens(`${tokens}\n${heliostat.tokens ?? ''}`)
    case 'keystone':
      throw new ConfigError('[paste_deploy] flavor = keystone is under construction')
    case '':
      return identifyEveryone
  }
}
