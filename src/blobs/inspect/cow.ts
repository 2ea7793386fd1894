import type { ImageFormat } from './format.ts'
import { magic } from './head.ts'

const COW_MAGIC = magic('OOOM')

/** Recognised only to be refused: a user mode Linux disk, which old releases of qemu read, names a backing file. */
export const cow: ImageFormat = {
  name: 'cow',
  matches: (head) => head.has(COW_MAGIC, 0),
  virtualSize: () => null,
  unsafe: () => 'The cow format is not allowed',
}
