import type { Head } from './head.ts'
import type { Place } from './stretch.ts'

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
  /** A sentence saying what is dangerous about this image, or `null`. Checks named in `nonfatal` are left out. */
  unsafe: (head: Head, nonfatal: readonly string[]) => string | null
  /** For formats that tell the rest in another place, which the head names: `null` where it lies within the head. */
  elsewhere?: (head: Head) => Elsewhere | null
}

/** What an image has behind its head that counts. */
export interface Elsewhere extends Place {
  /** `bytes` may be cut short. Answers like `ImageFormat`. */
  read: (bytes: Head) => { virtualSize: number | null; unsafe: string | null }
}
