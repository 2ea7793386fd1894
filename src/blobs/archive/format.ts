import { magic, readHead } from '../inspect/head.ts'

/** Archives that are known by their first bytes. */
export type ArchiveFormat = 'gzip' | 'zip' | 'xz' | 'lzma' | 'zstd' | 'bzip2' | 'lha'

/** So many bytes tell of each format whether it is that. */
export const MAGIC_SIZE = 14

const XZ = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)
const GZIP_DEFLATE = Uint8Array.of(0x1f, 0x8b, 8)
const GZIP_RESERVED_FLAGS = 0xe0
const ZSTD_FRAME = 0xfd2fb528
/** What pzstd and the seekable format begin with; the last four bits are free. */
const ZSTD_SKIPPABLE = 0x184d2a5
/** Behind `BZh` and the size: π for a block, √π for the end of what has none. */
const BZIP2_BLOCKS = [
  Uint8Array.of(0x31, 0x41, 0x59, 0x26, 0x53, 0x59),
  Uint8Array.of(0x17, 0x72, 0x45, 0x38, 0x50, 0x90),
]

/** A file, none at all, the first of several parts. */
const ZIP_SIGNATURES = [magic('PK\x03\x04'), magic('PK\x05\x06'), magic('PK\x07\x08')]

/** Null for what is no archive: an image, mostly. */
export function recogniseArchive(first: Uint8Array): ArchiveFormat | null {
  const head = readHead(first)
  const flags = head.u8(3) ?? 0
  if (head.has(GZIP_DEFLATE, 0) && (flags & GZIP_RESERVED_FLAGS) === 0) return 'gzip'
  if (ZIP_SIGNATURES.some((signature) => head.has(signature, 0))) return 'zip'
  if (head.has(XZ, 0)) return 'xz'
  const word = head.u32le(0)
  if (word === ZSTD_FRAME || (word !== null && word >>> 4 === ZSTD_SKIPPABLE)) return 'zstd'
  if (/^BZh[1-9]/.test(head.characters(0, 4)) && BZIP2_BLOCKS.some((mark) => head.has(mark, 4))) {
    return 'bzip2'
  }
  if (/^-(?:lh|lz|pm)[0-9a-z]-$/.test(head.characters(2, 7))) return 'lha'
  return isLzma(first) ? 'lzma' : null
}

/** The parameters that all tools write, as one byte. */
const LZMA_PROPERTIES = 0x5d
const MAX_LZMA_SIZE = 1n << 38n
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn

/**
 * Files of the old `.lzma` have no magic. Of each field only what the tools write is believed, which makes some 60 bits:
 * no disk begins like that by chance, neither code of a boot sector nor zeros.
 */
function isLzma(first: Uint8Array): boolean {
  const head = readHead(first)
  const dictionary = head.u32le(1)
  const size = head.u64le(5)
  if (head.u8(0) !== LZMA_PROPERTIES || dictionary === null || size === null) return false
  // The range coder's first byte is always zero.
  return isDictionary(dictionary) && isLzmaSize(size) && head.u8(13) === 0
}

function isLzmaSize(size: bigint): boolean {
  return size === UNKNOWN_SIZE || (size > 0n && size < MAX_LZMA_SIZE)
}

/** Powers of two, and half as much again, from 64 KiB to 1.5 GiB. */
function isDictionary(size: number): boolean {
  const power = 2 ** Math.floor(Math.log2(size))
  return size >= 1 << 16 && (size === power || size === power * 1.5)
}
