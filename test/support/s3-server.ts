/** A small S3 in memory, which checks signatures, digests and clocks, and does what a test wants it to do wrong. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { AwsV4Signer } from 'aws4fetch'
import { sha256 } from '../../src/blobs/digest.ts'
import type { S3Options } from '../../src/blobs/s3/settings.ts'

const REGION = 'test-1'
const KEYS = { accessKeyId: 'KEY', secretAccessKey: 'a/secret+key' }
/** Of the keys of a day. */
const cache = new Map<string, ArrayBuffer>()
const CLOCK_MS = 15 * 60_000

/** A request, with its body. */
export interface Asked {
  method: string
  /** `bucket/key`; what is in it is never encoded. */
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  bytes: Buffer
}

/** Answers in place of the server; false where it leaves that to it. */
export type Trouble = (outgoing: ServerResponse, asked: Asked) => boolean

interface StoredObject {
  bytes: Buffer
  metadata: Record<string, string>
  modified: Date
}

export interface S3Server {
  url: string
  /** Those of a store in the bucket `images`. */
  options: S3Options
  /** By bucket and key. */
  buckets: Map<string, Map<string, StoredObject>>
  asked: Asked[]
  trouble: Trouble | null
  /** In milliseconds. */
  clockAhead: number
  /** How a list may be told where to begin. */
  listsBy: 'token' | 'start-after' | 'nothing'
  close(): void
}

export async function startS3Server(): Promise<S3Server> {
  const http = createServer()
  http.listen(0, '127.0.0.1').unref()
  await once(http, 'listening')
  const address = http.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const server: S3Server = {
    url,
    options: {
      s3_store_host: url,
      s3_store_region_name: REGION,
      s3_store_bucket: 'images',
      s3_store_create_bucket_on_put: false,
      s3_store_bucket_url_format: 'auto',
      credentials: {
        accessKey: KEYS.accessKeyId,
        secretKey: KEYS.secretAccessKey,
        sessionToken: null,
      },
    },
    buckets: new Map([['images', new Map()]]),
    asked: [],
    trouble: null,
    clockAhead: 0,
    listsBy: 'token',
    close() {
      http.closeAllConnections()
      http.close()
    },
  }
  http.on('request', async (incoming, outgoing) => {
    // A client that leaves in the middle of its body is nobody to answer.
    const bytes = await buffer(incoming).catch(() => null)
    if (bytes) await answer(server, { incoming, outgoing, bytes })
  })
  return server
}

interface Exchange {
  incoming: IncomingMessage
  outgoing: ServerResponse
  bytes: Buffer
}

async function answer(server: S3Server, { incoming, outgoing, bytes }: Exchange): Promise<void> {
  const { method = '', headers } = incoming
  const { pathname, searchParams: query } = new URL(incoming.url ?? '', server.url)
  const path = bucketInHost(headers.host) + decodeURIComponent(pathname.slice(1))
  const asked = { method, path, query, headers, bytes }
  server.asked.push(asked)
  const now = Date.now() + server.clockAhead
  outgoing.setHeader('Date', new Date(now).toUTCString())
  if (server.trouble?.(outgoing, asked)) return
  const refusal = await refusalOf(incoming, bytes, now)
  if (refusal) sendError(outgoing, ...refusal)
  else serve(server, asked, outgoing)
}

/** Of `images.s3.test`. */
function bucketInHost(host = ''): string {
  const [, bucket] = /^(.+)\.s3\.test(:|$)/.exec(host) ?? []
  return bucket === undefined ? '' : `${bucket}/`
}

type Refusal = [status: number, code: string, more?: string]

async function refusalOf(
  { method = '', url = '', headers }: IncomingMessage,
  bytes: Buffer,
  now: number,
): Promise<Refusal | null> {
  const form =
    /^AWS4-HMAC-SHA256 Credential=(.*)\/\d{8}\/(.*)\/s3\/aws4_request, SignedHeaders=(.*), /
  const [, key, region, names = ''] = form.exec(headers.authorization ?? '') ?? []
  if (key !== KEYS.accessKeyId) return [403, 'InvalidAccessKeyId']
  if (region !== REGION) {
    return [400, 'AuthorizationHeaderMalformed', `<Region>${REGION}</Region>`]
  }
  const datetime = String(headers['x-amz-date'])
  const [, ...parts] = /^(....)(..)(..T..)(..)(..Z)$/.exec(datetime) ?? []
  const signedAt = Date.parse(`${parts.slice(0, 3).join('-')}:${parts.slice(3).join(':')}`)
  if (!(Math.abs(signedAt - now) < CLOCK_MS)) return [403, 'RequestTimeTooSkewed']
  const signed = names.split(';').filter((name) => name !== 'host')
  const signer = new AwsV4Signer({
    ...KEYS,
    method,
    url: `http://${headers.host}${url}`,
    headers: Object.fromEntries(signed.map((name) => [name, String(headers[name])])),
    service: 's3',
    region,
    datetime,
    cache,
  })
  const { headers: wanted } = await signer.sign()
  if (wanted.get('Authorization') !== headers.authorization) return [403, 'SignatureDoesNotMatch']
  const digest = headers['x-amz-content-sha256']
  return digest === sha256(bytes) ? null : [400, 'XAmzContentSHA256Mismatch']
}

export function sendError(outgoing: ServerResponse, status: number, code: string, more = ''): true {
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code>${more}</Error>`
  outgoing.writeHead(status, { 'Content-Type': 'application/xml' }).end(xml)
  return true
}

function serve(server: S3Server, asked: Asked, outgoing: ServerResponse): void {
  const [, name = '', , key] = /^([^/]*)(\/(.*))?$/s.exec(asked.path) ?? []
  const bucket = server.buckets.get(name)
  if (!key && asked.method === 'PUT') {
    if (bucket) return void sendError(outgoing, 409, 'BucketAlreadyOwnedByYou')
    server.buckets.set(name, new Map())
    outgoing.end()
  } else if (!bucket) sendError(outgoing, 404, 'NoSuchBucket')
  else if (!key) outgoing.end(listOf(server, bucket, asked.query))
  else if (asked.method === 'PUT') {
    bucket.set(key, {
      bytes: asked.bytes,
      metadata: metadataOf(asked.headers),
      modified: new Date(),
    })
    outgoing.writeHead(200, { ETag: etagOf(asked.bytes) }).end()
  } else if (asked.method === 'DELETE') {
    bucket.delete(key)
    outgoing.writeHead(204).end()
  } else send(outgoing, bucket.get(key), asked.headers.range)
}

function send(outgoing: ServerResponse, object: StoredObject | undefined, range?: string): void {
  if (!object) return void sendError(outgoing, 404, 'NoSuchKey')
  const { bytes, metadata } = object
  const headers = { ...metadata, ETag: etagOf(bytes) }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined) {
    return void outgoing.writeHead(200, { ...headers, 'Content-Length': bytes.length }).end(bytes)
  }
  if (Number(first) >= bytes.length) return void sendError(outgoing, 416, 'InvalidRange')
  const part = bytes.subarray(Number(first), Number(last) + 1)
  outgoing.writeHead(206, {
    ...headers,
    'Content-Length': part.length,
    'Content-Range': `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`,
  })
  outgoing.end(part)
}

function listOf(
  { listsBy }: S3Server,
  bucket: Map<string, StoredObject>,
  query: URLSearchParams,
): string {
  const token = listsBy === 'token' ? query.get('continuation-token') : null
  const after = listsBy === 'nothing' ? '' : (token ?? query.get('start-after') ?? '')
  const keys = [...bucket.keys()]
    .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
    .toSorted()
  const page = keys.slice(0, Math.min(1000, Number(query.get('max-keys') ?? 1000)))
  const isTruncated = page.length < keys.length
  const contents = page.map((key) => {
    const { modified, bytes } = bucket.get(key) ?? { modified: new Date(), bytes: Buffer.of() }
    const etag = etagOf(bytes).replaceAll('"', '&quot;')
    return `<Contents><Key>${key}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${etag}</ETag></Contents>`
  })
  const next =
    isTruncated && listsBy === 'token'
      ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>`
      : ''
  return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`
}

function metadataOf(headers: IncomingMessage['headers']): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

function etagOf(bytes: Buffer): string {
  return `"${sha256(bytes).slice(0, 32)}"`
}
