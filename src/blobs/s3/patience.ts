import { type Failure, isPassingStatus, type Patience } from '../remote/patience.ts'
import type { S3Error } from './failure.ts'

/** For who wants to know how things are: a second attempt is for a connection that was closed while it rested. */
export function checkPatience(patience: Patience): Patience {
  return { ...patience, attempts: 2, head: Math.min(patience.head, 5_000) }
}

/** Refusals that pass, besides those that any server has; damage on the way is among them. */
const PASSING = new Set([
  'BadDigest',
  'IncompleteBody',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  'XAmzContentSHA256Mismatch',
])

/** No answer, or half of one, passes too. */
export function failureOf({ status, code, retryAfter }: S3Error): Failure {
  return { isPassing: status < 300 || PASSING.has(code) || isPassingStatus(status), retryAfter }
}
