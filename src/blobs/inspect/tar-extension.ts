import type { TarHeader } from './tar-header.ts'

/** What headers of their own tell of the member behind them. */
export interface TarExtension {
  name: string | null
  size: number | null
}

export const NO_EXTENSION: TarExtension = { name: null, size: null }

/** Bytes that a header of its own may have: more than a name and its times take. */
const MAX_EXTENSION = 64 * 1024
/** The largest size that fits into a header of POSIX. */
const LARGEST_OCTAL = 8 ** 11 - 1

/** Keys of pax that change neither what a member is nor where it lies. */
const HARMLESS =
  /^(?:[acm]time|[ug]id|[ug]name|comment|hdrcharset|SCHILY\.(?:dev|ino|nlink|fflags|acl\..+|xattr\..+)|LIBARCHIVE\.(?:creationtime|xattr\..+)|RHT\.security\.selinux)$/

/** Types of headers that tell of the next member: GNU's long name, and those of pax for one member and for all. */
export const EXTENSION_TYPES: readonly string[] = ['L', 'x', 'g']

const TWICE = 'The ova has a tar member with two long names, or two headers that tell of it'
const INVALID = 'The ova has an invalid pax header'

export function unsafeExtension({ type, size }: TarHeader, before: TarExtension): string | null {
  // GNU tar forgets the first of two, Python's reader adds them up.
  if (before !== NO_EXTENSION && type !== 'g') return TWICE
  if (size === 0) return `The ova has an empty tar header of type ${type}`
  if (size <= MAX_EXTENSION) return null
  return `The ova has a tar header of type ${type} of ${size} bytes, more than ${MAX_EXTENSION}`
}

/** What is known with this one as well, or a sentence on why readers would disagree on it. */
export function readExtension(
  type: string,
  bytes: Uint8Array,
  before: TarExtension,
): TarExtension | string {
  if (type !== 'L') return readPax(type, bytes, before)
  const end = bytes.indexOf(0)
  const name = decoded(end === -1 ? bytes : bytes.subarray(0, end))
  return before.name === null ? { ...before, name } : TWICE
}

function readPax(type: string, bytes: Uint8Array, before: TarExtension): TarExtension | string {
  const records = paxRecords(bytes)
  if (records === null) return INVALID
  // Also one that says nothing that counts is one.
  let found = type === 'x' ? { ...before } : before
  for (const [key, value] of records) {
    if (HARMLESS.test(key)) continue
    const isOfMember = type === 'x' && (key === 'path' || key === 'size')
    if (!isOfMember) return `The ova has a pax header that sets ${JSON.stringify(key.slice(0, 40))}`
    if (key === 'path') {
      if (found.name !== null) return TWICE
      found = { ...found, name: value }
    } else {
      if (found.size !== null || !/^\d{1,15}$/.test(value)) return INVALID
      found = { ...found, size: Number(value) }
    }
  }
  return found
}

/** POSIX.1-2017 pax, "Extended Header": each a length, a blank, `key=value` and a line feed. */
function paxRecords(bytes: Uint8Array): [string, string][] | null {
  const records: [string, string][] = []
  let at = 0
  while (at < bytes.length) {
    const digits = /^([1-9]\d{0,4}) /.exec(decoded(bytes.subarray(at, at + 6)))?.[1]
    if (digits === undefined) return null
    const end = at + Number(digits)
    const text = decoded(bytes.subarray(at + digits.length + 1, end))
    const equals = text.indexOf('=')
    if (end > bytes.length || bytes[end - 1] !== 0x0a || equals < 1) return null
    records.push([text.slice(0, equals), text.slice(equals + 1, -1)])
    at = end
  }
  return records
}

/** The header as it counts with what was said before it. */
export function extended(header: TarHeader, { name, size }: TarExtension): TarHeader | string {
  const isLarge = size !== null && size > LARGEST_OCTAL && header.isSizeElsewhere
  if (size !== null && size !== header.size && !isLarge)
    return 'The ova has a tar member of two sizes'
  return { ...header, name: name ?? header.name, size: size ?? header.size }
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
