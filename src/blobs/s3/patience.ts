import type { S3Error } from './failure.ts'

/** How long a server is waited for and how often it is asked again; times in milliseconds. */
export interface Patience {
  attempts: number
  /** Doubles from one to the next; half of it is left to chance. */
  firstPause: number
  /** Whatever the server may ask for. */
  longestPause: number
  /** No attempt begins later than this. */
  total: number
  /** For the head of an answer. */
  head: number
  /** In each of these, so many bytes of its body have to come. */
  idle: number
  least: number
}

/** Short enough for a reader who may have the bytes from another store. */
export const PATIENCE: Patience = {
  attempts: 5,
  firstPause: 200,
  longestPause: 10_000,
  total: 30_000,
  head: 20_000,
  idle: 20_000,
  least: 160 << 10,
}

/** For who wants to know how things are: a second attempt is for a connection that was closed while it rested. */
export function checkPatience(patience: Patience): Patience {
  return { ...patience, attempts: 2, head: Math.min(patience.head, 5_000) }
}

/** Refusals that pass, besides 429 and 5xx; damage on the way is among them. */
const PASSING = new Set([
  'BadDigest',
  'IncompleteBody',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  'XAmzContentSHA256Mismatch',
])
/** Not implemented, HTTP version, no room. */
const LASTING = [501, 505, 507]

/** Null where another attempt would not help, or enough have been made. */
export function pauseBefore(attempt: number, error: S3Error, patience: Patience): number | null {
  const { attempts, firstPause, longestPause } = patience
  if (attempt >= attempts || !isPassing(error)) return null
  if (error.retryAfter !== null) return Math.min(error.retryAfter, longestPause)
  return Math.min(firstPause * 2 ** (attempt - 1), longestPause) * (0.5 + Math.random() / 2)
}

function isPassing({ status, code }: S3Error): boolean {
  if (status < 300 || status === 408 || status === 429 || PASSING.has(code)) return true
  return status >= 500 && !LASTING.includes(status)
}
