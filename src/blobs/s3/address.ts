import { AwsV4Signer } from 'aws4fetch'
import { ConfigError } from '../../errors.ts'
import type { S3Options } from './settings.ts'

/** Where a bucket is. */
export interface BucketAddress {
  bucket: string
  /** Of the server, as it may be shown: `https://s3.example.com:8443`. */
  server: string
  /** How the URLs of Glance may name it: without a scheme, with the port or without the usual one. */
  hosts: string[]
  region: string
  /** The URL of an object, or of the bucket itself. The key has to be one that stands for itself in a path. */
  urlOf(key: string | null, query?: Record<string, string>): string
}

/** Amazon's hosts; any other server gets the bucket in the path unless it is said otherwise, as boto does it. */
const AMAZON = /(^|\.)amazonaws\.com(\.cn)?$/
const LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
/** Without a dot, for which no certificate of the server would hold. */
const ONE_LABEL = new RegExp(`^(?=.{3,63}$)${LABEL}$`)
const HOST_NAME = new RegExp(`^(?=.{3,63}$)${LABEL}(?:\\.${LABEL})*$`)
/** Some servers have names that Amazon would not take, and tenants in front of a colon. */
const BUCKET = /^[A-Za-z0-9_][A-Za-z0-9._:-]{1,254}$/

type Options = Pick<
  S3Options,
  's3_store_host' | 's3_store_region_name' | 's3_store_bucket' | 's3_store_bucket_url_format'
>

/** Throws a ConfigError where the options name no server or no bucket. */
export function bucketAddress(options: Options): BucketAddress {
  const bucket = options.s3_store_bucket
  if (!BUCKET.test(bucket)) {
    throw new ConfigError(
      's3_store_bucket is no name of a bucket: wanted letters, digits, ".", "-"',
    )
  }
  const server = serverOf(options.s3_store_host)
  const usual = server.protocol === 'https:' ? 443 : 80
  const folder = server.pathname.replace(/\/+$/, '')
  const root = isInHost(options, server.hostname)
    ? `${server.protocol}//${bucket}.${server.host}${folder}`
    : `${server.origin}${folder}/${encodeURIComponent(bucket)}`
  return {
    bucket,
    server: server.origin + folder,
    hosts: server.port
      ? [server.host + folder]
      : [server.host + folder, `${server.host}:${usual}${folder}`],
    region: options.s3_store_region_name || regionOf(server),
    urlOf(key, query = {}) {
      const pairs = Object.entries(query)
      const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
      return `${root}${key === null ? '' : `/${key}`}${search && `?${search}`}`
    },
  }
}

function serverOf(host: string): URL {
  // Nobody has named an unencrypted Amazon on purpose.
  const scheme = AMAZON.test(host.replace(/[:/].*/s, '').toLowerCase()) ? 'https' : 'http'
  const text = /^https?:\/\//i.test(host) ? host : `${scheme}://${host}`
  const url = URL.canParse(text) ? new URL(text) : null
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash
  if (isPlain && url.hostname && !url.pathname.includes('//')) return url
  // Not shown: there may be keys in it.
  throw new ConfigError(
    's3_store_host is no server: wanted a name or a URL such as https://s3.example.com, without keys',
  )
}

function isInHost({ s3_store_bucket: bucket, ...options }: Options, hostname: string): boolean {
  const format = options.s3_store_bucket_url_format
  if (format === 'auto') return AMAZON.test(hostname) && ONE_LABEL.test(bucket)
  if (format === 'virtual' && !HOST_NAME.test(bucket)) {
    throw new ConfigError(
      `s3_store_bucket_url_format is virtual, but "${bucket}" cannot be a part of a host's name: wanted path`,
    )
  }
  return format === 'virtual'
}

function regionOf(server: URL): string {
  const anonymous = { accessKeyId: '', secretAccessKey: '', service: 's3' }
  return new AwsV4Signer({ url: server.href, ...anonymous }).region
}
