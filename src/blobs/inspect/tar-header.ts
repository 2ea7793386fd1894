import { type Head, readHead } from './head.ts'

export const BLOCK = 512

const NAME = { start: 0, end: 100 }
const SIZE = { start: 124, end: 136 }
/** Of mode, owner, group, time and device: Python's reader, and so Glance, stops at one that is no number. */
const NUMBERS = [
  { start: 100, end: 108 },
  { start: 108, end: 116 },
  { start: 116, end: 124 },
  { start: 136, end: 148 },
  { start: 329, end: 337 },
  { start: 337, end: 345 },
]
const CHECKSUM = { start: 148, end: 156 }
const TYPE = 156
const MAGIC = { start: 257, end: 265 }
const PREFIX = { start: 345, end: 500 }

const POSIX = 'ustar\x0000'
/** The first bit of a size says that the rest is a number as it is, which GNU writes from 8 GiB on. */
const BINARY_SIZE = 0x80

const BLANK = 0x20
const ZERO = 0x30

export interface TarHeader {
  name: string
  size: number
  /** As POSIX and GNU define it: `0` for a file. */
  type: string
  /** Whether the field has all that a size can be told with here, so that an extension may tell more. */
  isSizeElsewhere: boolean
}

/** Whether a reader may take the bytes that begin so for a tar: old ones have no signature but their checksum. */
export function isTar(bytes: Uint8Array): boolean {
  if (bytes.length < BLOCK) return false
  const block = bytes.subarray(0, BLOCK)
  return hasChecksum(block) || /^ustar/.test(readHead(block).characters(MAGIC.start, MAGIC.end))
}

/** A header, or a sentence on why readers would disagree on it. */
export function readTarHeader(block: Uint8Array): TarHeader | string {
  if (!hasChecksum(block)) return 'The ova has a tar header with a wrong checksum'
  const head = readHead(block)
  const size = sizeIn(head)
  if (size === null) return 'The ova has a tar header with an invalid size'
  if (!NUMBERS.every((field) => isNumber(head, field))) {
    return 'The ova has a tar header with an invalid number'
  }
  const magic = head.characters(MAGIC.start, MAGIC.end)
  const prefix = fieldOf(head, PREFIX)
  // Some readers take it for the start of a name nevertheless.
  if (prefix !== '' && magic !== POSIX)
    return 'The ova has a tar header with a prefix of no standard'
  const name = fieldOf(head, NAME)
  const digits = head.characters(SIZE.start, SIZE.end)
  // Python takes it for a folder whatever an extension calls it, and what it contains for the next headers.
  if (head.u8(TYPE) === 0 && name.endsWith('/')) return 'The ova has a tar header of an old folder'
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size,
    type: typeOf(head),
    isSizeElsewhere: size === 0 || /^7{11}/.test(digits),
  }
}

/** Old tars have NUL for a file. */
function typeOf(head: Head): string {
  const type = head.characters(TYPE, TYPE + 1)
  return type === '\0' ? '0' : type
}

function fieldOf(head: Head, { start, end }: { start: number; end: number }): string {
  return head.text(start, end)
}

/** Strict, since readers disagree on what stands behind the digits. */
function sizeIn(head: Head): number | null {
  if (head.u8(SIZE.start) === BINARY_SIZE) {
    const [above, size] = [head.u32be(SIZE.start) ?? 0, head.u64be(SIZE.start + 4) ?? 0n]
    const fits = above === BINARY_SIZE * 2 ** 24 && size <= BigInt(Number.MAX_SAFE_INTEGER)
    return fits ? Number(size) : null
  }
  return octal(head.characters(SIZE.start, SIZE.end))
}

/** Digits, nothing, or a number as it is, which may be below zero. */
function isNumber(head: Head, { start, end }: { start: number; end: number }): boolean {
  const text = head.characters(start, end)
  return /^[\x80\xff]/.test(text) || octal(text) !== null
}

function octal(text: string): number | null {
  const digits = /^ *([0-7]*)[ \0]*$/.exec(text)?.[1]
  if (digits === undefined) return null
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

/** Of all bytes, its own counted as blanks. Old tars added them up as signed ones. */
export function hasChecksum(bytes: Uint8Array, at = 0): boolean {
  const said = checksumSaid(bytes, at + CHECKSUM.start)
  if (said === null) return false
  // Whole images of what might be headers are gone through by this.
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK)
  let sum = BLANK * (CHECKSUM.end - CHECKSUM.start)
  let negative = 0
  for (let index = 0; index < BLOCK; index += 4) {
    if (index === CHECKSUM.start) index = CHECKSUM.end
    const word = view.getUint32(index)
    const pairs = (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff)
    sum += (pairs & 0xffff) + (pairs >>> 16)
    // The highest bit of each byte, added up in the first.
    negative += Math.imul((word >>> 7) & 0x01010101, 0x01010101) >>> 24
  }
  return said === sum || said === sum - 0x100 * negative
}

/** Octal digits behind blanks, which a blank or a NUL ends. */
function checksumSaid(bytes: Uint8Array, start: number): number | null {
  const end = start + CHECKSUM.end - CHECKSUM.start
  let at = start
  while (at < end && bytes[at] === BLANK) at++
  const first = at
  let said = 0
  for (; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO
    if (digit < 0 || digit > 7) break
    said = said * 8 + digit
  }
  const isEnded = at < end && (bytes[at] === BLANK || bytes[at] === 0)
  return at > first && isEnded ? said : null
}
