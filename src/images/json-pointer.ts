import { HeliostatError } from '../errors.ts'

const REFUSALS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^(?!\/)/, 'does not start with "/"'],
  [/\/\//, 'contains adjacent "/"'],
  [/.\/$/s, 'end with "/"'],
  [/~(?![01])/, 'contains "~" not part of a recognized escape sequence'],
]

/** More than the longest name has when all of it is escaped. */
const MAX_POINTER = 1000

/**
 * Splits a JSON pointer (RFC 6901) into its segments, as Glance does: white space around a segment
 * is not part of it, and the only empty segment is that of the lone `/`.
 */
export function parsePointer(pointer: string): string[] {
  if (pointer.length > MAX_POINTER) {
    throw new HeliostatError(
      'invalid',
      `Pointer has ${pointer.length} characters, at most ${MAX_POINTER} are allowed`,
    )
  }
  const refusal = REFUSALS.find(([pattern]) => pattern.test(pointer))
  if (refusal) throw new HeliostatError('invalid', `Pointer \`${pointer}\` ${refusal[1]}.`)
  return pointer.slice(1).split('/').map(decodeSegment)
}

/** One pass over both escapes: `~01` is the text `~1`, and must not be unescaped again to `/`. */
function decodeSegment(segment: string): string {
  return segment.replace(/~[01]/g, (escape) => (escape === '~1' ? '/' : '~')).trim()
}
