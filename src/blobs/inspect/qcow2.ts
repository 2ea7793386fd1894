import type { ImageFormat } from './format.ts'
import { byteCount, type Head, magic } from './head.ts'

const QCOW_MAGIC = magic('QFI\xfb')

const EXTERNAL_DATA_FILE = 1n << 2n
// Dirty, corrupt, external data file and compression type. Extended L2 entries (bit 4) exist in
// qemu, but OpenStack's inspector treats them as unknown, and so would the clouds behind us.
const KNOWN_FEATURES = 0b1111n

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
  if (version === null || backingFile === null || head.u64be(24) === null) {
    return 'The qcow2 header is cut short'
  }
  if (version !== 2 && version !== 3) return `The qcow2 version ${version} is not supported`
  if (backingFile !== 0n) return 'The qcow2 image has a backing file'
  // In version 2 these bytes are header extensions, not feature bits.
  return version === 2 ? null : unsafeFeatures(head.u64be(72))
}

function unsafeFeatures(features: bigint | null): string | null {
  if (features === null) return 'The qcow2 header is cut short'
  if (features & EXTERNAL_DATA_FILE) return 'The qcow2 image has an external data file'
  if (features & ~KNOWN_FEATURES) return 'The qcow2 image has unknown incompatible features'
  return null
}
