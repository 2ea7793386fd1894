import { recogniseArchive } from '../../blobs/archive/format.ts'
import { createStreamInspector, type StreamInspector } from '../../blobs/inspect/stream.ts'
import type { Image } from '../image.ts'
import type { Intake } from '../status.ts'

export interface InspectionOptions {
  require_image_format_match: boolean
  gpt_safety_checks_nonfatal: string[]
  /** Whether archives are unpacked when they are imported. */
  unpacks: boolean
}

/** What looks at the bytes of an image while they come in; null where nobody has said what they are. */
export function inspectorFor(
  image: Image,
  intake: Intake,
  options: InspectionOptions,
): StreamInspector | null {
  const { container_format: containerFormat, disk_format: diskFormat } = image
  if (containerFormat === null || diskFormat === null) return null
  const inspector = createStreamInspector({
    diskFormat,
    containerFormat,
    enforceMatch: options.require_image_format_match,
    mayBeEmpty: isVolumeBacked(image),
    nonfatal: options.gpt_safety_checks_nonfatal,
  })
  const isUnpacked = intake === 'stage' && options.unpacks && containerFormat !== 'compressed'
  return isUnpacked ? unlessArchive(inspector) : inspector
}

/** What an archive holds is looked at when it has been unpacked. */
function unlessArchive(inspector: StreamInspector): StreamInspector {
  let isArchive: boolean | null = null
  return {
    take(chunk) {
      isArchive ??= recogniseArchive(chunk) !== null
      if (!isArchive) inspector.take(chunk)
    },
    finish: (size) => (isArchive ? null : inspector.finish(size)),
  }
}

/**
 * Whether the data are in volumes, as of a snapshot of a server that boots from one: Nova uploads nothing then, and
 * its older releases call that a qcow2.
 */
function isVolumeBacked({ properties }: Image): boolean {
  return Object.hasOwn(properties, 'block_device_mapping') || Object.hasOwn(properties, 'bdm_v2')
}
