import { hideCredentials } from '../masking.ts'

/** Why something failed, for the operator: what `fetch` and the database throw says that only in its cause. */
export function reasonOf(error: unknown): string {
  return hideCredentials(messageOf(error).trim())
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return messageOf(error.cause)
  // Where several addresses were tried there is no message.
  return error.message || String('code' in error ? error.code : error.name)
}
