import type { ImageFormat } from './format.ts'
import { magic } from './head.ts'

const QED_MAGIC = magic('QED\0')

/** Recognised only to be refused: nothing in OpenStack uses it, and it can name a backing file. */
export const qed: ImageFormat = {
  name: 'qed',
  matches: (head) => head.has(QED_MAGIC, 0),
  virtualSize: () => null,
  unsafe: () => 'The qed format is not allowed',
}
