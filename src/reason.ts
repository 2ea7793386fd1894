import { HeliostatError } from './errors.ts'
import { hideCredentials } from './masking.ts'

const MAX_LENGTH = 500

/**
 * Why something failed, for the operator: what `fetch` and the database throw says that only in its cause. One line of
 * a bounded length, since strangers have a part in it, and without the values of a statement.
 */
export function reasonOf(error: unknown): string {
  // Some more, so that a password at the end is seen to be one.
  const text = messageOf(error).slice(0, 4 * MAX_LENGTH)
  const line = hideCredentials(text.replace(/[\p{C}\s]+/gu, ' ').trim())
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) {
    const told = error instanceof HeliostatError ? `${error.message}: ` : ''
    return told + messageOf(error.cause)
  }
  // Where several addresses were tried there is no message.
  return ownMessage(error) || String('code' in error ? error.code : error.name)
}

const MAX_TRACE_LENGTH = 4000

/** Where something has failed that nobody expected, with what caused it, for whoever mends it. */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  const trace = [`${error.name}: ${ownMessage(error)}`.slice(0, MAX_LENGTH), ...frames].join('\n')
  const cause = error.cause === undefined ? '' : `\ncaused by: ${traceOf(error.cause)}`
  return hideCredentials(trace.slice(0, MAX_TRACE_LENGTH)) + cause
}

/** The message of a failed statement ends with its values: names, properties and tokens of users. */
function ownMessage({ message }: Error): string {
  return message.replace(/^(Failed query: [^]*?)\nparams: [^]*$/, '$1')
}
