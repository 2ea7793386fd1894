/** What stands for Python's escapes, outside and inside brackets: its classes know the letters and digits of all scripts. */
const ESCAPES: ReadonlyMap<string, readonly [outside: string, inside: string | null]> = new Map([
  ['A', ['^', null]],
  ['Z', ['$', null]],
  ['d', [String.raw`\p{Nd}`, String.raw`\p{Nd}`]],
  ['D', [String.raw`\P{Nd}`, String.raw`\P{Nd}`]],
  ['w', [String.raw`[\p{L}\p{N}_]`, String.raw`\p{L}\p{N}_`]],
  ['W', [String.raw`[^\p{L}\p{N}_]`, null]],
])

const SAME_ESCAPES = 'bBnrtfvsSxu0123456789^$\\.*+?()[]{}|/'

/**
 * A regular expression of Python's `re`, such as Glance's files have, to be found anywhere in a text. Throws a
 * SyntaxError for one that is none, and for what JavaScript has no equal of.
 */
export function pythonPattern(source: string): RegExp {
  const [, ignoreCase = '', pattern = ''] = /^(\(\?i\))?(.*)$/s.exec(source) ?? []
  let inBrackets = false
  const translated = pattern.replaceAll(/\\.|\(\?P<|\(\?P=\w+\)|[[\]]/gsu, (part) => {
    if (part.startsWith('\\')) return translateEscape(part.slice(1), inBrackets)
    if (inBrackets && part !== ']') return part === '[' ? '\\[' : part
    if (part === '(?P<') return '(?<'
    if (part.startsWith('(?P=')) return `\\k<${part.slice(4, -1)}>`
    inBrackets = part === '['
    return part
  })
  return new RegExp(translated, ignoreCase === '' ? 'u' : 'iu')
}

function translateEscape(escaped: string, inBrackets: boolean): string {
  const translation = ESCAPES.get(escaped)?.[inBrackets ? 1 : 0]
  if (typeof translation === 'string') return translation
  if (SAME_ESCAPES.includes(escaped) || (escaped === '-' && inBrackets)) return `\\${escaped}`
  // Python takes any other letter for a mistake, and other characters as they are.
  if (/[A-Za-z]/.test(escaped)) throw new SyntaxError(`\\${escaped} is not supported here`)
  return escaped
}
