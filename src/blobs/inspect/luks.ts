import type { ImageFormat } from './format.ts'
import { type Head, magic } from './head.ts'

const LUKS_MAGIC = magic('LUKS\xba\xbe')

export const luks: ImageFormat = {
  name: 'luks',
  matches: (head) => head.has(LUKS_MAGIC, 0),
  // The header tells where the payload starts, not where it ends.
  virtualSize: () => null,
  unsafe,
}

function unsafe(head: Head): string | null {
  const version = head.u16be(6)
  if (version === null) return 'The luks header is cut short'
  // qemu, which would open the image, reads only version 1.
  return version === 1 ? null : `The luks version ${version} is not supported`
}
