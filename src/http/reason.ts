import { hideCredentials } from '../masking.ts'

const MAX_LENGTH = 500

/**
 * Why something failed, for the operator: what `fetch` and the database throw says that only in its cause. One line of
 * a bounded length, since strangers have a part in it.
 */
export function reasonOf(error: unknown): string {
  // Some more, so that a password at the end is seen to be one.
  const text = messageOf(error).slice(0, 4 * MAX_LENGTH)
  const line = hideCredentials(text.replace(/[\p{C}\s]+/gu, ' ').trim())
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return messageOf(error.cause)
  // Where several addresses were tried there is no message.
  return error.message || String('code' in error ? error.code : error.name)
}
