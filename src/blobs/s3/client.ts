import { AwsV4Signer } from 'aws4fetch'
import { answerWithin } from '../../http/deadline.ts'
import type { Fetch } from '../../http/fetch.ts'
import { allowanceFor, type Patience, pauseBefore, persist } from '../remote/patience.ts'
import { sendable } from '../remote/wire.ts'
import { type BucketAddress, bucketAddress } from './address.ts'
import { brokenBy, type Context, hasCode, refusalOf, S3Error } from './failure.ts'
import type { S3Options } from './settings.ts'
import { failureOf } from './patience.ts'

/** SHA-256 of nothing. */
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** Servers allow a quarter of an hour. */
const CLOCK_MS = 60_000

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Null for the bucket. */
  key: string | null
  query?: Record<string, string>
  headers?: Record<string, string>
  /** The server checks the bytes against their SHA-256 and stores nothing else. */
  body?: { bytes: Uint8Array; digest: string }
  signal?: AbortSignal
}

/** Signed requests to one bucket. */
export interface S3Client {
  address: BucketAddress
  /**
   * What `use` makes of the answer, if that is a good one [2xx]. All of it is done again where that may help. Throws an
   * S3Error.
   */
  ask<T>(purpose: string, request: S3Request, use: Use<T>): Promise<T>
  /** The same; null where the server says that there is no such object. */
  askIfPresent<T>(purpose: string, request: S3Request, use: Use<T>): Promise<T | null>
}

type Use<T> = (response: Response, context: Context) => Promise<T>

export function createS3Client(options: S3Options, fetch: Fetch, patience: Patience): S3Client {
  const address = bucketAddress(options)
  const sign = createSigning(options, address)
  // The bucket that a chunk will create has nothing in it as yet.
  const absent = options.s3_store_create_bucket_on_put
    ? ['NoSuchKey', 'NoSuchBucket']
    : ['NoSuchKey']

  async function exchange(request: S3Request, context: Context): Promise<Response> {
    const { method, body, signal } = request
    const { url, headers } = await sign.request(request)
    const send = (stop: AbortSignal) =>
      fetch(url, {
        method,
        headers,
        body: body ? sendable(body.bytes) : null,
        // A signature holds for one host.
        redirect: 'manual',
        signal: stop,
      })
    const { idle, least, head } = patience
    const limit = { head: head + allowanceFor(body?.bytes), idle, least }
    const response = await answerWithin(limit, send, signal)
    if (response.ok) return response
    throw await refusalOf(response, context)
  }

  /** What a request fails with is always an S3Error. */
  async function attempt<T>(request: S3Request, context: Context, use: Use<T>): Promise<T> {
    try {
      return await use(await exchange(request, context), context)
    } catch (error) {
      throw error instanceof S3Error ? error : brokenBy(error, context)
    }
  }

  function pauseAfter(error: unknown, made: number): number | null {
    if (!(error instanceof S3Error)) return null
    if (made < patience.attempts && sign.hasCorrectedClock(error)) return 0
    return pauseBefore(made, failureOf(error), patience)
  }

  async function ask<T>(purpose: string, request: S3Request, use: Use<T>): Promise<T> {
    const context = { purpose, address }
    const { signal, body } = request
    const total = patience.total + allowanceFor(body?.bytes)
    return persist(() => attempt(request, context, use), { signal, total, pauseAfter })
  }

  return {
    address,
    ask,

    async askIfPresent(purpose, request, use) {
      try {
        return await ask(purpose, request, use)
      } catch (error) {
        if (hasCode(error, ...absent)) return null
        throw error
      }
    },
  }
}

/** Signs by the clock of the server, once it has refused ours. */
function createSigning({ credentials }: S3Options, { region, urlOf }: BucketAddress) {
  const keys = {
    accessKeyId: credentials.accessKey,
    secretAccessKey: credentials.secretKey,
    ...(credentials.sessionToken !== null && { sessionToken: credentials.sessionToken }),
  }
  // Of the keys of a day, which are the same for all requests.
  const cache = new Map<string, ArrayBuffer>()
  let clockAhead = 0

  return {
    async request({ method, key, query, headers, body }: S3Request) {
      const now = new Date(Date.now() + clockAhead).toISOString()
      const signer = new AwsV4Signer({
        ...keys,
        url: urlOf(key, query),
        method,
        headers: { ...headers, 'X-Amz-Content-Sha256': body?.digest ?? NOTHING },
        service: 's3',
        region,
        cache,
        datetime: now.replace(/[:-]|\.\d{3}/g, ''),
      })
      const signed = await signer.sign()
      // Not signed, since proxies change it. What is compressed has another length than is said.
      signed.headers.set('Accept-Encoding', 'identity')
      if (body) signed.headers.set('Content-Length', String(body.bytes.length))
      return { url: signed.url.href, headers: signed.headers }
    },

    /** Whether the request is worth being signed anew. */
    hasCorrectedClock({ status, code, serverTime }: S3Error): boolean {
      const isAboutTime = code === 'RequestTimeTooSkewed' || (status === 403 && code === '')
      if (!isAboutTime || serverTime === null) return false
      const ahead = serverTime - Date.now()
      if (Math.abs(ahead - clockAhead) < CLOCK_MS) return false
      clockAhead = ahead
      return true
    },
  }
}
