import type { ImageFormat } from './format.ts'
import { byteCount, type Head, isWholeImage, magic } from './head.ts'

const QCOW_MAGIC = magic('QFI\xfb')

const EXTERNAL_DATA_FILE = 1n << 2n
// Dirty, corrupt, external data file and compression type. Extended L2 entries (bit 4) exist in
// qemu, but OpenStack's inspector treats them as unknown, and so would the clouds behind us.
const KNOWN_FEATURES = 0b1111n

const VERSION_2_HEADER = 72
const MAX_CLUSTER_BITS = 21
const DATA_FILE_NAME = 0x44415441

const CUT_SHORT = 'The qcow2 header is cut short'
const DATA_FILE = 'The qcow2 image has an external data file'

/** https://www.qemu.org/docs/master/interop/qcow2.html#header */
export const qcow2: ImageFormat = {
  name: 'qcow2',
  matches: (head) => head.has(QCOW_MAGIC, 0),
  virtualSize: (head) => byteCount(head.u64be(24)),
  unsafe,
}

function unsafe(head: Head): string | null {
  const version = head.u32be(4)
  const backingFile = head.u64be(8)
  if (version === null || backingFile === null || head.u64be(24) === null) return CUT_SHORT
  if (version !== 2 && version !== 3) return `The qcow2 version ${version} is not supported`
  if (backingFile !== 0n) return 'The qcow2 image has a backing file'
  // In version 2 these bytes are header extensions, not feature bits.
  return (version === 2 ? null : unsafeFeatures(head.u64be(72))) ?? unsafeExtensions(head, version)
}

function unsafeFeatures(features: bigint | null): string | null {
  if (features === null) return CUT_SHORT
  if (features & EXTERNAL_DATA_FILE) return DATA_FILE
  if (features & ~KNOWN_FEATURES) return 'The qcow2 image has unknown incompatible features'
  return null
}

/** An extension may name a data file although no feature bit asks for one. They end with a zero type or the first cluster. */
function unsafeExtensions(head: Head, version: 2 | 3): string | null {
  const end = 2 ** Math.min(head.u32be(20) ?? 0, MAX_CLUSTER_BITS)
  let offset = version === 2 ? VERSION_2_HEADER : (head.u32be(100) ?? end)
  while (offset + 8 <= end) {
    const type = head.u32be(offset)
    const length = head.u32be(offset + 4)
    if (type === 0) return null
    if (type === DATA_FILE_NAME) return DATA_FILE
    if (type === null || length === null) return isWholeImage(head) ? null : CUT_SHORT
    offset += 8 + Math.ceil(length / 8) * 8
  }
  return null
}
