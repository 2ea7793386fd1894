import type { ImageFormat } from './format.ts'
import { byteCount, type Head, magic } from './head.ts'

const DESCRIPTOR = 32 * 1024
const PRIMARY_VOLUME = 1
// ISO 9660, and the two generations of UDF.
const IDENTIFIERS = ['CD001', 'NSR02', 'NSR03'].map(magic)

/** ECMA-119 §8: the first volume descriptor follows a system area of 16 sectors. */
export const iso: ImageFormat = {
  name: 'iso',
  matches: (head) => IDENTIFIERS.some((identifier) => head.has(identifier, DESCRIPTOR + 1)),
  virtualSize,
  unsafe: () => null,
}

function virtualSize(head: Head): number | null {
  if (head.u8(DESCRIPTOR) !== PRIMARY_VOLUME) return null
  const blocks = head.u32le(DESCRIPTOR + 80)
  const blockSize = head.u16le(DESCRIPTOR + 128)
  if (blocks === null || blockSize === null) return null
  return byteCount(BigInt(blocks) * BigInt(blockSize))
}
