import type { ImageFormat } from './format.ts'
import { byteCount, type Head, isWholeImage, magic } from './head.ts'
import { unsafeDescriptor } from './vmdk-descriptor.ts'
import { endsWithFooter, SPARSE_MAGIC, unsafeFooter } from './vmdk-footer.ts'
import { hasCreateType, isDescriptorText, MAX_DESCRIPTOR } from './vmdk-text.ts'

/** A sparse extent of old ESX hosts, whose header or descriptor can name a parent. */
const COW_DISK_MAGIC = magic('COWD')
const SECTOR = 512

/**
 * A hosted sparse extent with its descriptor inside, or a descriptor alone, which names its extents
 * and so would let an image read any file of the host (CVE-2022-47951).
 */
export const vmdk: ImageFormat = {
  name: 'vmdk',
  matches: (head) => isSparse(head) || head.has(COW_DISK_MAGIC, 0) || isDescriptorText(head),
  virtualSize: (head) => (isSparse(head) ? byteCount(bytesOfSectors(head.u64le(12))) : null),
  unsafe,
}

/** What is dangerous for a reader that is told to take the bytes for a vmdk, whatever they begin with. */
export function unsafeAsVmdk(head: Head): string | null {
  return isSparse(head) || hasCreateType(head) ? unsafe(head) : null
}

function isSparse(head: Head): boolean {
  return head.has(SPARSE_MAGIC, 0)
}

function bytesOfSectors(sectors: bigint | null): bigint | null {
  return sectors === null ? null : sectors * BigInt(SECTOR)
}

function unsafe(head: Head): string | null {
  if (head.has(COW_DISK_MAGIC, 0)) return 'The vmdk subformat is not allowed'
  if (!isSparse(head)) return 'The vmdk image is only a descriptor, its data are in other files'
  const version = head.u32le(4)
  if (version === null || version < 1 || version > 3) return 'The vmdk version is not supported'
  // qemu takes an image without capacity for a descriptor alone.
  if (!head.u64le(12)) return 'The vmdk image has no capacity'
  const problem = unsafeDescriptor(embeddedDescriptor(head))
  if (problem !== null) return problem
  const footerSeen = endsWithFooter(head) && isWholeImage(head)
  return footerSeen ? unsafeFooter(head, head, head.length) : null
}

/**
 * Only a descriptor right behind the header counts, as for OpenStack's inspector. It ends with the first NUL, not
 * with the sectors that the header allots to it: qemu reads on behind them.
 */
function embeddedDescriptor(head: Head): string | null {
  const size = bytesOfSectors(head.u64le(36))
  if (head.u64le(28) !== 1n || !size) return null
  const allotted = size > MAX_DESCRIPTOR ? MAX_DESCRIPTOR : Number(size)
  if (SECTOR + allotted > head.length) return null
  const text = head.text(SECTOR, SECTOR + MAX_DESCRIPTOR)
  const endsInHead = SECTOR + text.length < Math.min(head.length, MAX_DESCRIPTOR)
  return endsInHead || isWholeImage(head) ? text : null
}
