import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import type { PolicyAction } from './policy.ts'

/** Refuses an action that is not allowed [403]. */
export function forbidden(action: PolicyAction): HeliostatError {
  return new HeliostatError('forbidden', `You are not authorized to complete ${action} action.`)
}

/**
 * Refuses an action on a record unless it is allowed: 403, or 404 to those who may not even get the record, as
 * `get` tells.
 */
export function refuseUnless(
  isAllowed: (action: PolicyAction) => boolean,
  { action, get }: { action: PolicyAction; get: PolicyAction },
): void {
  if (isAllowed(action)) return
  if (isAllowed(get)) throw forbidden(action)
  throw new HeliostatError('not-found', standardSentence(404) ?? '')
}
