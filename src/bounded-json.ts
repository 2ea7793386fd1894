/** JSON of strangers, be they clients or upstreams: looked through before it is parsed, since `[],[],[]…` takes twenty times its length in memory. */

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
  const exceeded = exceededBound(text, bounds)
  if (exceeded) throw new Error(EXCESS[exceeded](bounds[exceeded]))
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is no JSON')
  }
}

const EXCESS: Record<keyof JsonBounds, (bound: number) => string> = {
  values: (bound) => `it has more than ${bound} values`,
  width: (bound) => `it has more than ${bound} members in one list or object`,
  depth: (bound) => `it is nested deeper than ${bound} levels`,
}

/** The bound that a text goes beyond; null where it keeps to all. Of what is no JSON either may be said. */
export function exceededBound(text: string, bounds: JsonBounds): keyof JsonBounds | null {
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
    if (values > bounds.values) return 'values'
    if ((widths[depth] ?? 0) >= bounds.width) return 'width'
    if (depth > bounds.depth) return 'depth'
  }
  return null
}

/** Where the string ends that begins there; the end of the text for one that does not. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text.charCodeAt(i) !== QUOTE) {
    i += text.charCodeAt(i) === BACKSLASH ? 2 : 1
  }
  return i
}
