import { unstorableIn } from '../../schema/text.ts'
import { HeliostatError } from '../errors.ts'

const FOUR_BYTE_CHARACTER = /[\u{10000}-\u{10FFFF}]/u

/**
 * Refuses (400) names and text values that cannot be stored, or have a character outside the Basic
 * Multilingual Plane, which a Glance on a three-byte MySQL cannot hold. Values that are not text
 * are left alone.
 */
export function refuseUnstorableCharacters(attributes: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(attributes)) {
    for (const text of typeof value === 'string' ? [name, value] : [name]) {
      if (FOUR_BYTE_CHARACTER.test(text)) throw refused(name, '4 byte unicode characters')
      refuseUnstorableText(name, text)
    }
  }
}

/** Refuses (400) a text that cannot be stored at all, which is called so. */
export function refuseUnstorableText(name: string, text: string): void {
  const unstorable = unstorableIn(text)
  if (unstorable !== null) throw refused(name, unstorable)
}

function refused(name: string, what: string): HeliostatError {
  return new HeliostatError('invalid', `${capitalize(name)} can't contain ${what}.`)
}

function capitalize(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
