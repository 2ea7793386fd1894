/** What the options of a configuration may be: texts, each read as one kind of value. */
import { z } from 'zod'

/** What a text of a configuration becomes; what is left out becomes the default. */
type Option<Value> = z.ZodType<Value, string | undefined>

export const MIB = 1024 * 1024
const UNITS: Record<string, number> = {
  '': 1,
  B: 1,
  KB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
}

export const text = (fallback: string): Option<string> => z.string().default(fallback)
export const optionalText = z
  .string()
  .transform((value) => value || null)
  .nullable()
  .default(null)

export const BASE_URL = 'an address such as https://HOST[:PORT][/PATH], without a user or a query'

/** An address that paths are put behind. */
export const baseUrl = z
  .string()
  .refine((value) => value === '' || isBaseUrl(value), BASE_URL)
  .transform((value) => value.replace(/\/+$/, '') || null)
  .nullable()
  .default(null)

export function isBaseUrl(value: string): boolean {
  if (!/^https?:\/\/[^\s@?#]+$/i.test(value)) return false
  try {
    return new URL(value).hostname !== ''
  } catch {
    return false
  }
}

export const integer = (
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
): Option<number> =>
  z
    .string()
    .regex(/^-?\d+$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `at least ${min}`).max(max, `at most ${max}`))
    // Glance's numbers go beyond those that are exact here.
    .transform((value) => Math.min(value, Number.MAX_SAFE_INTEGER))
    .default(fallback)

/** A number of things that an image may have; as in Glance any negative one is no limit. */
export const quota = (fallback: number): Option<number> =>
  integer(fallback, { min: -Infinity }).transform((value) => Math.max(value, -1))

/** A whole number of our own, of which `-1` is no limit (in the code `Infinity`) and `0` none at all. */
export const limit = (fallback: number): Option<number> =>
  integer(fallback, { min: -1 }).transform((value) => (value === -1 ? Infinity : value))

/** A limit of which `0` used to be no limit either: it still is, with a warning. */
export const limitOnceZero = (fallback: number): Option<number> =>
  limit(fallback)
    .transform((value) => (value === 0 ? Infinity : value))
    .meta({ zeroIsNoLimit: true })

const TRUE = ['true', '1', 'yes', 'on']
const FALSE = ['false', '0', 'no', 'off']

export const flag = (fallback: boolean): Option<boolean> =>
  z
    .string()
    .toLowerCase()
    .pipe(z.enum([...TRUE, ...FALSE], 'true or false'))
    .transform((value) => TRUE.includes(value))
    .default(fallback)

/** Comma separated, with or without the brackets that Glance's own list options have. */
export const list = (fallback: string[]): Option<string[]> =>
  z.string().transform(splitList).default(fallback)

export function splitList(value: string): string[] {
  const items = value.replace(/^\[(.*)\]$/, '$1').split(',')
  return items.map((item) => item.trim()).filter((item) => item !== '')
}

/** A list of some of the texts. */
export const someOf = (known: readonly string[], fallback: string[]): Option<string[]> =>
  z
    .string()
    .transform(splitList)
    .refine((items) => items.every((item) => known.includes(item)), `some of: ${known.join(', ')}`)
    .default(fallback)

/** Names with values, such as `name:value,other:value`. */
export const pairs = z
  .string()
  .transform(splitList)
  .refine((items) => items.every((item) => /^[^:]+:/.test(item)), 'pairs such as NAME:VALUE')
  .transform((items) =>
    Object.fromEntries(
      items.map((item): [string, string] => {
        const [name = ''] = item.split(':')
        return [name.trim(), item.slice(item.indexOf(':') + 1).trim()]
      }),
    ),
  )
  .default({})

/** A list of ports of TCP. */
export const ports = (fallback: number[]): Option<number[]> =>
  z
    .string()
    .transform(splitList)
    .refine((items) => items.every((item) => /^\d{1,5}$/.test(item)), 'ports such as 80,443')
    .transform((items) => items.map(Number))
    .default(fallback)

export const choice = <const T extends readonly [string, ...string[]]>(
  options: T,
  fallback: T[number],
): Option<T[number]> => z.enum(options, oneOf(options)).default(fallback)

export function oneOf(options: readonly string[]): string {
  return `one of: ${options.map((option) => `"${option}"`).join(', ')}`
}

/** Bytes, with an optional unit as in Glance's `user_storage_quota`: B, KB, MB, GB, TB. */
export const bytes = (fallback: number): Option<number> =>
  z
    .string()
    .regex(/^\d+ *(B|KB|MB|GB|TB)?$/, 'a number of bytes such as 8388608 or 8MB')
    .transform((value) => parseInt(value, 10) * (UNITS[value.replace(/[\d ]/g, '')] ?? 1))
    .default(fallback)
