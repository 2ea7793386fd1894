import type { Head } from './head.ts'

export type DetectedFormat =
  | 'qcow2'
  | 'vmdk'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'iso'
  | 'gpt'
  | 'luks'
  | 'qed'
  | 'cow'
  | 'raw'

/** What one disk format can tell from the first bytes of a stream. */
export interface ImageFormat {
  name: DetectedFormat
  matches: (head: Head) => boolean
  /** Bytes as the guest sees them; `null` when the header does not say, or not within `head`. */
  virtualSize: (head: Head) => number | null
  /** A sentence saying what is dangerous about this image, or `null`. */
  unsafe: (head: Head) => string | null
}
