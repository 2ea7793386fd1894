import { HeliostatError } from '../../errors.ts'
import { readHead } from './head.ts'
import { type Inspection, inspectDiskImage, inspectTail, unsafeReference } from './inspect.ts'
import { formatMismatch, NO_DISKS, virtualSizeOf } from './match.ts'
import { concatenate, createStretch, type Stretch } from './stretch.ts'
import {
  unsafeVhdxMetadata,
  VHDX_METADATA_SIZE,
  vhdxMetadataBehind,
  vhdxVirtualSize,
} from './vhdx.ts'
import { TAIL_SIZE } from './vmdk-footer.ts'
import { unsafeAsVmdk } from './vmdk.ts'

/** Where the fields of a header lie that the end of the stream may repeat. */
const HEADER_SIZE = 512

/** Watches an upload's chunks go by, and refuses [415] what is not what it says, or not safe to boot from. */
export interface StreamInspector {
  take(chunk: Uint8Array): void
  /** The size that the guest sees, null where the format does not tell. */
  finish(size: number): number | null
}

export interface Declaration {
  diskFormat: string
  containerFormat: string
  /** Refuse content of another format. */
  enforceMatch: boolean
}

/**
 * An inspector for an image declared so. What is in no bare container, or no disk, is only refused where a reader
 * that probes the content nevertheless would be led to another file.
 */
export function createStreamInspector(declared: Declaration): StreamInspector {
  const { diskFormat } = declared
  const isBare = declared.containerFormat === 'bare'
  const isDisk = isBare && !NO_DISKS.has(diskFormat)
  let inspection: Inspection | null = null
  let header: Uint8Array = new Uint8Array()
  let tail: Uint8Array = new Uint8Array()
  let metadata: Stretch | null = null

  function begin(head: Uint8Array): Inspection {
    const found = inspectDiskImage(head)
    if (isBare && declared.enforceMatch) refuseMismatch(diskFormat, found)
    refuseUnsafe(isDisk ? found.unsafe : unsafeReference(head))
    if (diskFormat === 'vmdk') refuseUnsafe(unsafeAsVmdk(readHead(head)))
    header = head.slice(0, HEADER_SIZE)
    const start = vhdxMetadataBehind(readHead(head))
    metadata = start === null ? null : createStretch(start, VHDX_METADATA_SIZE)
    return found
  }

  return {
    take(chunk) {
      inspection ??= begin(chunk)
      metadata?.take(chunk)
      tail = lastBytes(tail, chunk)
    },
    finish(size) {
      if (inspection === null) return null
      refuseUnsafe(inspectTail(header, tail, size))
      const found = metadata === null ? inspection : withMetadata(inspection, metadata.bytes())
      return isBare ? virtualSizeOf(diskFormat, found, size) : null
    },
  }
}

/** Some images tell size and parent only behind the first chunk. */
function withMetadata(inspection: Inspection, bytes: Uint8Array): Inspection {
  const metadata = readHead(bytes)
  refuseUnsafe(unsafeVhdxMetadata(metadata, 0))
  return { ...inspection, virtualSize: vhdxVirtualSize(metadata, 0) }
}

function refuseMismatch(diskFormat: string, inspection: Inspection): void {
  if (!formatMismatch(diskFormat, inspection)) return
  throw unsupported(
    `Image disk_format ${diskFormat} does not match stream data ${inspection.format}`,
  )
}

function refuseUnsafe(danger: string | null): void {
  if (danger !== null) throw unsupported(`Image failed safety checks: ${danger}`)
}

function unsupported(message: string): HeliostatError {
  return new HeliostatError('unsupported-media-type', message)
}

function lastBytes(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.length >= TAIL_SIZE) return chunk.slice(-TAIL_SIZE)
  return concatenate(before, chunk).slice(-TAIL_SIZE)
}
