import { HeliostatError } from '../errors.ts'
import type { Image } from './image.ts'

/** Data needs a disk and a container format [400]. */
export function requireFormats(image: Image): void {
  const missing = (['disk_format', 'container_format'] as const).filter((name) => !image[name])
  if (missing.length === 0) return
  const noun = missing.length === 1 ? 'Property' : 'Properties'
  throw new HeliostatError(
    'invalid',
    `${noun} ${missing.join(', ')} must be set prior to saving data.`,
  )
}

/** Every step from one status to another that is not a deletion for good, which is open to all. */
export const STEPS = {
  beginUpload: { from: 'queued', to: 'saving' },
  endUpload: { from: 'saving', to: 'active' },
  abortUpload: { from: 'saving', to: 'queued' },
  deactivate: { from: 'active', to: 'deactivated' },
  reactivate: { from: 'deactivated', to: 'active' },
  deleteLater: { from: 'active', to: 'pending_delete' },
  /** An image whose data is gone becomes queued. */
  restore: { from: 'pending_delete', to: 'active' },
} as const

export type Action = 'deactivate' | 'reactivate'

/** The status after the action, null when the image has it already; any other status refuses it [403]. */
export function statusAfter(action: Action, image: Image): 'active' | 'deactivated' | null {
  const { from, to } = STEPS[action]
  if (image.status === to) return null
  if (image.status === from) return to
  throw new HeliostatError(
    'forbidden',
    `Not allowed to ${action} image in status '${image.status}'`,
  )
}
