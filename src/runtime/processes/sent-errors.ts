import { type ErrorCode, HeliostatError } from '../../errors.ts'
import { NowhereError } from '../../mirror/chunks/filling.ts'
import { UnreachableError } from '../../mirror/upstream/site-failures.ts'
import { reasonOf } from '../../reason.ts'
import type { Outcome, SentError } from './messages.ts'

/** What has become of work, also where it failed. Never rejects. */
export async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await work }
  } catch (error) {
    return { error: asSent(error) }
  }
}

/** The value; throws what the other process has thrown, as far as somebody here could tell the difference. */
export function valueOf(outcome: Outcome): unknown {
  if ('value' in outcome) return outcome.value
  throw asThrown(outcome.error)
}

function asSent(error: unknown): SentError {
  const reason = reasonOf(error)
  if (!(error instanceof HeliostatError)) {
    return { kind: 'other', code: '', message: reason, headers: {}, reason }
  }
  const { code, message, headers } = error
  return { kind: kindOf(error), code, message, headers, reason }
}

function kindOf(error: HeliostatError): SentError['kind'] {
  if (error instanceof NowhereError) return 'nowhere'
  return error instanceof UnreachableError ? 'unreachable' : 'refusal'
}

function asThrown({ kind, code, message, headers, reason }: SentError): Error {
  const options = { headers, cause: new Error(reason) }
  switch (kind) {
    case 'nowhere':
      return new NowhereError(code as ErrorCode, message, options)
    case 'unreachable':
      return new UnreachableError(code as ErrorCode, message, options)
    case 'refusal':
      return new HeliostatError(code as ErrorCode, message, options)
    case 'other':
      return new Error(message)
  }
}
