import { type Head, magic } from './head.ts'

export const SPARSE_MAGIC = magic('KDMV')
/** Footer marker, second header and end-of-stream marker: one sector each, the last of the file. */
export const TAIL_SIZE = 1536

const SECTOR = 512
const GRAIN_DIRECTORY_AT_END = 0xffffffffffffffffn
const FOOTER_MARKER = 3
const MARKER_PADDING = new Uint8Array(496)
const END_OF_STREAM = new Uint8Array(SECTOR)

/** Whether a second header at the end of the file replaces the first, as in VMware's exports. */
export function endsWithFooter(head: Head): boolean {
  return head.has(SPARSE_MAGIC, 0) && head.u64le(56) === GRAIN_DIRECTORY_AT_END
}

/**
 * The footer outranks the header that was inspected, so it may not differ from it in anything that
 * leads to a descriptor, nor in the size that the guest sees. `tail` is the end of the file, `size` the bytes of all of it.
 */
export function unsafeFooter(head: Head, tail: Head, size: number): string | null {
  const start = tail.length - TAIL_SIZE
  const footer = start + SECTOR
  // Readers that count in whole sectors would find another footer behind this one.
  if (size % SECTOR > 0) return 'The vmdk image ends within a sector'
  if (!isFooterMarker(tail, start)) return 'The vmdk footer marker is invalid'
  if (!tail.has(SPARSE_MAGIC, footer) || tail.u32le(footer + 4) !== head.u32le(4)) {
    return 'The vmdk footer has another signature or version than the header'
  }
  if (tail.u64le(footer + 12) !== head.u64le(12)) {
    return 'The vmdk footer has another capacity than the header'
  }
  if (tail.u64le(footer + 28) !== head.u64le(28) || tail.u64le(footer + 36) !== head.u64le(36)) {
    return 'The vmdk footer names another descriptor than the header'
  }
  if (tail.u64le(footer + 56) === GRAIN_DIRECTORY_AT_END) {
    return 'The vmdk footer points to another footer'
  }
  return tail.has(END_OF_STREAM, footer + SECTOR)
    ? null
    : 'The vmdk end-of-stream marker is invalid'
}

function isFooterMarker(tail: Head, offset: number): boolean {
  return (
    tail.u32le(offset + 8) === 0 &&
    tail.u32le(offset + 12) === FOOTER_MARKER &&
    tail.has(MARKER_PADDING, offset + 16)
  )
}
