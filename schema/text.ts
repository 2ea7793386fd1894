/** What a text may be, wherever it is stored. */

const LONE_SURROGATE = /\p{Surrogate}/u

/** What a text has that cannot be stored, or null: SQLite's text ends at a NUL, and UTF-8 has no half of a surrogate pair. */
export function unstorableIn(text: string): string | null {
  if (text.includes('\0')) return 'NUL characters'
  return LONE_SURROGATE.test(text) ? 'lone surrogates' : null
}

/** The same of any value of JSON, keys included. */
export function unstorableWithin(value: unknown): string | null {
  const parts = [value]
  // Grows as it is walked: JSON may be nested deeper than calls may be.
  for (const part of parts) {
    if (typeof part === 'object' && part !== null) {
      for (const [key, member] of Object.entries(part)) parts.push(key, member)
    }
    const unstorable = typeof part === 'string' ? unstorableIn(part) : null
    if (unstorable !== null) return unstorable
  }
  return null
}
