/**
 * The first bytes of a stream. Offsets come from untrusted headers, so every read outside the
 * bytes answers `null` instead of throwing, and nothing is copied except by `text`.
 */
export interface Head {
  length: number
  u8: (offset: number) => number | null
  u16be: (offset: number) => number | null
  u16le: (offset: number) => number | null
  u32be: (offset: number) => number | null
  u32le: (offset: number) => number | null
  u64be: (offset: number) => bigint | null
  u64le: (offset: number) => bigint | null
  has: (bytes: Uint8Array, offset: number) => boolean
  /** Text from `start` up to a NUL, `end` or the last byte. Bytes that are no text stay visible. */
  text: (start: number, end: number) => string
  /** One character for each byte, NULs and all. */
  characters: (start: number, end: number) => string
}

/** Bytes of a head: the smallest chunk, so that it is the same whatever the chunks. A shorter one is the whole image. */
export const HEAD_SIZE = 1024 * 1024

export function isWholeImage(head: Head): boolean {
  return head.length < HEAD_SIZE
}

export function readHead(bytes: Uint8Array): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const within = (offset: number, size: number): boolean =>
    Number.isSafeInteger(offset) && offset >= 0 && offset + size <= bytes.length
  return {
    length: bytes.length,
    u8: (offset) => (within(offset, 1) ? view.getUint8(offset) : null),
    u16be: (offset) => (within(offset, 2) ? view.getUint16(offset) : null),
    u16le: (offset) => (within(offset, 2) ? view.getUint16(offset, true) : null),
    u32be: (offset) => (within(offset, 4) ? view.getUint32(offset) : null),
    u32le: (offset) => (within(offset, 4) ? view.getUint32(offset, true) : null),
    u64be: (offset) => (within(offset, 8) ? view.getBigUint64(offset) : null),
    u64le: (offset) => (within(offset, 8) ? view.getBigUint64(offset, true) : null),
    has: (wanted, offset) =>
      within(offset, wanted.length) && wanted.every((byte, i) => bytes[offset + i] === byte),
    text: (start, end) => decode(bytes.subarray(start, end)),
    characters: (start, end) => String.fromCharCode(...bytes.subarray(start, end)),
  }
}

/** A size from a header. Zero means "not recorded"; what a number cannot hold is no size either. */
export function byteCount(size: bigint | null): number | null {
  if (size === null || size === 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) return null
  return Number(size)
}

export function magic(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function decode(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0)
  // Without ignoreBOM the decoder would hide a byte order mark from whoever checks the text.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return decoder.decode(nul === -1 ? bytes : bytes.subarray(0, nul))
}
