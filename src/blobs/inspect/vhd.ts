import type { ImageFormat } from './format.ts'
import { byteCount, magic } from './head.ts'

const VHD_MAGIC = magic('conectix')

/**
 * A dynamic VHD starts with a copy of its footer. A fixed VHD has only the footer at its end, so it
 * looks like a raw image here, as it does to OpenStack's inspector.
 */
export const vhd: ImageFormat = {
  name: 'vhd',
  matches: (head) => head.has(VHD_MAGIC, 0),
  virtualSize: (head) => byteCount(head.u64be(40)),
  unsafe: () => null,
}
