import { HeliostatError } from '../errors.ts'

/** Far beyond what any document of the API needs; what reads one may call itself for each level. */
const MAX_DEPTH = 100
/** More than 10,000 operations of a PATCH have. Each takes time and memory, however short it is. */
const MAX_VALUES = 50_000

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Refuses JSON that is nested too deeply [400] or has too many values [413], before anything is made of it. Malformed
 * text may pass.
 */
export function refuseExcessiveJson(bytes: Uint8Array): void {
  let depth = 0
  let values = 1
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at] ?? 0) {
      case QUOTE:
        at = endOfString(bytes, at)
        break
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++depth > MAX_DEPTH) throw tooDeep()
        values++
        break
      case COMMA:
        values++
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--
        break
      default:
    }
    if (values > MAX_VALUES) throw tooMany()
  }
}

/** Where the quote is that ends the string which begins here. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}

function tooDeep(): HeliostatError {
  return new HeliostatError(
    'invalid',
    `JSON in request body is nested more than ${MAX_DEPTH} levels deep`,
  )
}

function tooMany(): HeliostatError {
  return new HeliostatError(
    'too-large',
    `JSON in request body has more than ${MAX_VALUES} values, the most that are allowed`,
  )
}
