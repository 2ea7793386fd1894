/** JSON of strangers: looked through before it is parsed, since `[],[],[]…` takes twenty times its length in memory. */

export interface JsonBounds {
  /** Values that it may have, at all levels together. */
  values: number
  /** Members that one list or object may have: an object of a million keys takes seconds. */
  width: number
  /** Levels of lists and objects. SQLite reads a thousand of them. */
  depth: number
}

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Parses a text in one pass over it; throws a sentence, without anything of the text, where it is not as is wanted. */
export function parseBounded(text: string, bounds: JsonBounds): unknown {
  requireBounds(text, bounds)
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is no JSON')
  }
}

function requireBounds(text: string, bounds: JsonBounds): void {
  let values = 1
  let depth = 0
  const widths = [0]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i)
    else if (code === COMMA) {
      values++
      widths[depth] = (widths[depth] ?? 0) + 1
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values++
      depth++
      widths[depth] = 0
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
    if (values > bounds.values) throw new Error(`it has more than ${bounds.values} values`)
    if ((widths[depth] ?? 0) >= bounds.width) {
      throw new Error(`it has more than ${bounds.width} members in one list or object`)
    }
    if (depth > bounds.depth) throw new Error(`it is nested deeper than ${bounds.depth} levels`)
  }
}

/** Where the string ends that begins there; the end of the text for one that does not. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text.charCodeAt(i) !== QUOTE) {
    i += text.charCodeAt(i) === BACKSLASH ? 2 : 1
  }
  return i
}
