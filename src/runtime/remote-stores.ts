/** Object stores that are reached over HTTP, on any runtime. */
import { createS3Objects, withoutKeys } from '../blobs/s3/objects.ts'
import { s3Credentials } from '../blobs/s3/settings.ts'
import { createS3Store } from '../blobs/s3/store.ts'
import { createSwiftObjects } from '../blobs/swift/objects.ts'
import { swiftReference } from '../blobs/swift/reference.ts'
import { swiftAccount } from '../blobs/swift/settings.ts'
import { createSwiftStore } from '../blobs/swift/store.ts'
import { shownSwiftUrl } from '../blobs/swift/url.ts'
import { ConfigError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import {
  type Adapter,
  claimedChunks,
  type ConfigOf,
  type RegistryParts,
  WRITES_AT_ONCE,
} from './store-adapters.ts'

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
