import type { ImageFormat } from './format.ts'
import { byteCount } from './head.ts'

const VDI_SIGNATURE = 0xbeda107f

export const vdi: ImageFormat = {
  name: 'vdi',
  matches: (head) => head.u32le(0x40) === VDI_SIGNATURE,
  virtualSize: (head) => byteCount(head.u64le(0x170)),
  unsafe: () => null,
}
