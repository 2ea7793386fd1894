import { HeliostatError } from '../errors.ts'

const FOUR_BYTE_CHARACTER = /[\u{10000}-\u{10FFFF}]/u
const NUL = '\0'

/**
 * Refuses (400) names and text values with a character outside the Basic Multilingual Plane, which
 * a Glance on a three-byte MySQL cannot hold, or with a NUL, where SQLite's text ends. Values that
 * are not text are left alone.
 */
export function refuseUnstorableCharacters(attributes: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const texts = typeof value === 'string' ? [name, value] : [name]
    if (texts.some((text) => FOUR_BYTE_CHARACTER.test(text))) {
      throw refused(name, '4 byte unicode characters')
    }
    if (texts.some((text) => text.includes(NUL))) throw refused(name, 'NUL characters')
  }
}

function refused(name: string, what: string): HeliostatError {
  return new HeliostatError('invalid', `${capitalize(name)} can't contain ${what}.`)
}

function capitalize(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
