import type { ImageFormat } from './format.ts'
import { byteCount, type Head, magic } from './head.ts'
import { hasCreateType, unsafeDescriptor } from './vmdk-descriptor.ts'
import { endsWithFooter, SPARSE_MAGIC, TAIL_SIZE, unsafeFooter } from './vmdk-footer.ts'

const TEXT_MAGIC = magic('# Disk DescriptorFile')
const SECTOR = 512
/** qemu's bound on the descriptor, too. */
const MAX_DESCRIPTOR = 1024 * 1024 - 1
/** A head below this size is the whole image: the caller hands over at least so much if it can. */
const WHOLE_IMAGE_BELOW = 1024 * 1024

/**
 * A hosted sparse extent with its descriptor inside, or a descriptor alone, which names its extents
 * and so would let an image read any file of the host (CVE-2022-47951).
 */
export const vmdk: ImageFormat = {
  name: 'vmdk',
  matches: (head) => isSparse(head) || isDescriptorOnly(head),
  virtualSize: (head) => (isSparse(head) ? byteCount(bytesOfSectors(head.u64le(12))) : null),
  unsafe,
}

function isSparse(head: Head): boolean {
  return head.has(SPARSE_MAGIC, 0)
}

function isDescriptorOnly(head: Head): boolean {
  if (head.has(TEXT_MAGIC, 0)) return true
  const start = head.text(0, SECTOR)
  // A NUL ends the text early: then this is no text file.
  if (start === '' || start.length < Math.min(head.length, SECTOR)) return false
  // That first line is only a comment: qemu opens a descriptor without it as well.
  return !/[^\s\x20-\x7e]/.test(start) && hasCreateType(head.text(0, MAX_DESCRIPTOR))
}

function bytesOfSectors(sectors: bigint | null): bigint | null {
  return sectors === null ? null : sectors * BigInt(SECTOR)
}

function unsafe(head: Head): string | null {
  if (!isSparse(head)) return 'The vmdk image is only a descriptor, its data are in other files'
  const version = head.u32le(4)
  if (version === null || version < 1 || version > 3) return 'The vmdk version is not supported'
  const problem = unsafeDescriptor(embeddedDescriptor(head))
  if (problem !== null) return problem
  const footerSeen = endsWithFooter(head) && head.length < WHOLE_IMAGE_BELOW
  return footerSeen ? unsafeFooter(head, head, head.length - TAIL_SIZE) : null
}

/** Only a descriptor right behind the header counts, as for OpenStack's inspector. */
function embeddedDescriptor(head: Head): string | null {
  const size = bytesOfSectors(head.u64le(36))
  if (head.u64le(28) !== 1n || size === null) return null
  const end = SECTOR + (size > MAX_DESCRIPTOR ? MAX_DESCRIPTOR : Number(size))
  return end > head.length ? null : head.text(SECTOR, end)
}
