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
  beginImport: { from: 'queued', to: 'importing' },
  /** Of what was staged before. */
  beginDirectImport: { from: 'uploading', to: 'importing' },
  endImport: { from: 'importing', to: 'active' },
  abortImport: { from: 'importing', to: 'queued' },
  deactivate: { from: 'active', to: 'deactivated' },
  reactivate: { from: 'deactivated', to: 'active' },
  deleteLater: { from: 'active', to: 'pending_delete' },
  /** An image whose data is gone becomes queued. */
  restore: { from: 'pending_delete', to: 'active' },
} as const

/**
 * What becomes of an image whose bytes come in: the status that it has before, meanwhile and afterwards, and that of the
 * copy. One that broke off in a status of its own is queued again; an import goes on by itself.
 */
export const INTAKES = {
  upload: { from: 'queued', during: 'saving', to: 'active', copy: 'active' },
  stage: { from: 'queued', during: 'uploading', to: 'uploading', copy: 'staged' },
  import: { from: 'importing', during: 'importing', to: 'importing', copy: 'staged' },
} as const

export type Intake = keyof typeof INTAKES

/** The statuses of images whose bytes are lost when their process dies. */
export const BROKEN_OFF = ['saving', 'uploading'] as const

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
