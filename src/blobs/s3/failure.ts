import { readLimited } from '../../http/body.ts'
import { reasonOf } from '../../reason.ts'
import { retryAfterOf } from '../remote/patience.ts'
import type { BucketAddress } from './address.ts'
import { type ErrorDocument, parseError } from './xml.ts'

const MAX_ERROR_BYTES = 64 << 10

/** A request that has failed, as it may be shown: it names the server and the bucket, and nothing that is secret. */
export class S3Error extends Error {
  override readonly name = 'S3Error'
  /** 0 where no answer came, or half of one. */
  readonly status: number
  /** Amazon's word for it, such as `NoSuchKey`. Empty where none was given: an answer to HEAD has no body. */
  readonly code: string
  /** When to ask again, in milliseconds. */
  readonly retryAfter: number | null
  /** What the clock of the server says, in milliseconds. */
  readonly serverTime: number | null

  constructor(message: string, about: Partial<About> = {}) {
    super(message)
    this.status = about.status ?? 0
    this.code = about.code ?? ''
    this.retryAfter = about.retryAfter ?? null
    this.serverTime = about.serverTime ?? null
  }
}

type About = Pick<S3Error, 'status' | 'code' | 'retryAfter' | 'serverTime'>

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof S3Error && codes.includes(error.code)
}

/** What a request is for: `read "owner"`. */
export interface Context {
  purpose: string
  address: BucketAddress
}

/** Of an answer that is not the one hoped for, whose body it takes. */
export async function refusalOf(response: Response, context: Context): Promise<S3Error> {
  const bytes = await readLimited(response.body, MAX_ERROR_BYTES).catch(() => new Uint8Array())
  return refusal(response, parseError(new TextDecoder().decode(bytes)), context)
}

/** Of an answer whose body is known already. */
export function refusal(
  { status, headers }: Response,
  document: ErrorDocument | null,
  context: Context,
): S3Error {
  const code = document?.code ?? ''
  const told = {
    status,
    code,
    region: plain(headers.get('X-Amz-Bucket-Region') || document?.region),
    endpoint: plain(document?.endpoint),
    message: document?.message ?? '',
  }
  return new S3Error(sentence(context, whyRefused(told)), {
    status,
    code,
    retryAfter: retryAfterOf(headers),
    serverTime: timeOf(headers.get('Date')),
  })
}

/** Of a connection that failed, or an answer that is none. */
export function brokenBy(error: unknown, context: Context): S3Error {
  return new S3Error(sentence(context, `fails: ${reasonOf(error)}`))
}

function sentence({ purpose, address }: Context, why: string): string {
  return `Cannot ${purpose}: bucket "${address.bucket}" at ${address.server} ${why}`
}

interface Told {
  status: number
  code: string
  region: string
  endpoint: string
  message: string
}

function whyRefused({ status, code, region, endpoint, message }: Told): string {
  const answer = `${status}${code && ` ${plain(code)}`}`
  if (code in REASONS) return `${REASONS[code]} (${answer})`
  if (region && (status === 301 || status === 400)) {
    return `is in another region (${answer}): set s3_store_region_name to "${region}"`
  }
  if (status >= 300 && status < 400) {
    return `is elsewhere (${answer})${endpoint && `: set s3_store_host to "${endpoint}"`}`
  }
  return `answers ${answer}${message && `: ${reasonOf(message)}`}`
}

const REASONS: Record<string, string> = {
  NoSuchBucket: 'does not exist: create it, or set s3_store_create_bucket_on_put',
  NoSuchKey: 'has no such object',
  InvalidAccessKeyId: 'does not know the access key: check s3_store_access_key',
  SignatureDoesNotMatch: 'refuses the signature: check s3_store_secret_key',
  ExpiredToken: 'says that the session token has expired',
  AccessDenied: 'does not allow this to the access key',
}

/** Of what a stranger says, a name or nothing. */
function plain(word: string | undefined): string {
  return word && /^[\w.:-]{1,253}$/.test(word) ? word : ''
}

function timeOf(date: string | null): number | null {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? null : time
}
