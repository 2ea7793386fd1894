import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 30_000

const log = getLogger(['heliostat', 'keystone'])

/** Says whether Keystone may be asked, and is told how it went. */
export interface CircuitBreaker {
  /** Tells that there is no answer, and when to come back [503]; the cause is for the log. */
  away(cause?: unknown): HeliostatError
  /** Before each question; throws while none is let through. What it returns belongs to `failed`. */
  enter(): number
  succeeded(): void
  /** Questions that were under way together fail together, which counts once. */
  failed(entered: number, reason: string): void
}

/**
 * Leaves Keystone alone for a while when it does not answer, longer each time. Then one question is let through, for at
 * most `trial` milliseconds; the others follow when it is answered.
 */
export function createCircuitBreaker(trial: number): CircuitBreaker {
  let failures = 0
  let retryAt = 0
  let trialUntil = 0

  function away(cause?: unknown): HeliostatError {
    const seconds = Math.max(1, Math.ceil(Math.round(retryAt - performance.now()) / 1000))
    return new HeliostatError(
      'unavailable',
      'Keystone, which says who may use this service, does not answer at present',
      { headers: { 'Retry-After': String(seconds) }, cause },
    )
  }

  return {
    away,

    enter() {
      if (Math.max(retryAt, trialUntil) > performance.now()) throw away()
      if (failures > 0) trialUntil = performance.now() + trial
      return failures
    },

    succeeded() {
      if (failures > 0) log.info('Keystone answers again')
      failures = 0
      retryAt = 0
      trialUntil = 0
    },

    failed(entered, reason) {
      if (entered !== failures) return
      retryAt = performance.now() + Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS)
      trialUntil = 0
      failures++
      log.warn('Keystone does not answer: {reason}', { reason })
    },
  }
}
