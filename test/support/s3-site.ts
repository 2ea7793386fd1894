/** An origin whose images lie in buckets of the S3 test server. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { RawConfig } from '../../src/config.ts'
import type { S3Server } from './s3-server.ts'

const CHUNK = 1 << 20

/** The options of a store in a bucket. */
export function bucketOptions({ options }: S3Server, bucket: string): Record<string, string> {
  const { credentials } = options
  return {
    s3_store_host: options.s3_store_host,
    s3_store_region_name: options.s3_store_region_name ?? '',
    s3_store_bucket: bucket,
    s3_store_create_bucket_on_put: 'true',
    s3_store_access_key: credentials.accessKey,
    s3_store_secret_key: credentials.secretKey,
  }
}

/** A site with the stores `far` and `other`, of which `far` is the default and read first, and `files`. Chunks have 1 MiB. */
export function farStores(s3: S3Server, folder: string): RawConfig {
  return {
    DEFAULT: { enabled_backends: 'far:s3, other:s3, files:file' },
    glance_store: { default_backend: 'far' },
    heliostat: { data_dir: join(folder, 'data'), chunk_size: '1MB', sweep_grace: '0' },
    far: { ...bucketOptions(s3, 'images'), weight: '3' },
    other: { ...bucketOptions(s3, 'others'), weight: '2' },
    files: { filesystem_store_datadir: join(folder, 'files'), weight: '1' },
  }
}

/** The digests of the chunks of an image. */
export function digestsOf(bytes: Uint8Array): string[] {
  const digests = []
  for (let i = 0; i < bytes.length; i += CHUNK) {
    digests.push(
      createHash('sha256')
        .update(bytes.subarray(i, i + CHUNK))
        .digest('hex'),
    )
  }
  return digests
}

/** How often each chunk was fetched. */
export function fetchesOf({ asked }: S3Server, digests: string[]): number[] {
  return digests.map(
    (digest) =>
      asked.filter(({ method, path }) => method === 'GET' && path.endsWith(`/chunks/${digest}`))
        .length,
  )
}

/** Changes one byte of a chunk in a bucket. */
export function damageObject({ buckets }: S3Server, bucket: string, digest: string): void {
  const object = buckets.get(bucket)?.get(`chunks/${digest}`)
  if (!object) throw new Error(`There is no chunk ${digest} in ${bucket}`)
  object.bytes = Buffer.from(object.bytes)
  object.bytes[4711] = 255 - (object.bytes[4711] ?? 0)
}
