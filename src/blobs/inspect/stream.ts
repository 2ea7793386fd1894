import { HeliostatError } from '../../errors.ts'
import type { Elsewhere } from './format.ts'
import { HEAD_SIZE, readHead } from './head.ts'
import {
  elsewhereIn,
  type Inspection,
  inspectDiskImage,
  inspectTail,
  unsafeReference,
} from './inspect.ts'
import { formatMismatch, NO_DISKS, virtualSizeOf } from './match.ts'
import { concatenate, createStretch, type Stretch } from './stretch.ts'
import { TAIL_SIZE } from './vmdk-footer.ts'
import { unsafeAsVmdk } from './vmdk.ts'

/** Where the fields of a header lie that the end of the stream may repeat. */
const HEADER_SIZE = 512

/** Watches an upload's chunks go by, and refuses [415] what is not what it says, or not safe to boot from. */
export interface StreamInspector {
  /** The first chunk has at least `HEAD_SIZE` bytes, or is the whole image. */
  take(chunk: Uint8Array): void
  /** The size that the guest sees, null where the format does not tell. */
  finish(size: number): number | null
}

export interface Declaration {
  diskFormat: string
  containerFormat: string
  /** Refuse content of another format. */
  enforceMatch: boolean
  /** No content at all is of any format. */
  mayBeEmpty: boolean
  /** Safety checks of a GPT that refuse nothing: `mbr`, `gptmbr`. */
  nonfatal: readonly string[]
}

/**
 * An inspector for an image declared so. What is in no bare container, or no disk, is only refused where a reader
 * that probes the content nevertheless would be led to another file.
 */
export function createStreamInspector(declared: Declaration): StreamInspector {
  const { diskFormat, containerFormat } = declared
  let begun: Begun | null = null
  let tail: Uint8Array = new Uint8Array()

  return {
    take(chunk) {
      begun ??= begin(declared, chunk.subarray(0, HEAD_SIZE))
      begun.rest?.take(chunk)
      tail = lastBytes(tail, chunk)
    },
    finish(size) {
      if (size === 0 && declared.mayBeEmpty) return null
      begun ??= begin(declared, new Uint8Array())
      refuseUnsafe(inspectTail(begun.header, tail, size))
      const found = finished(begun)
      return containerFormat === 'bare' ? virtualSizeOf(diskFormat, found, size) : null
    },
  }
}

/** What is known once the head has come. */
interface Begun {
  inspection: Inspection
  header: Uint8Array
  elsewhere: Elsewhere | null
  /** Keeps what is elsewhere. */
  rest: Stretch | null
}

function begin({ diskFormat, ...declared }: Declaration, head: Uint8Array): Begun {
  const isBare = declared.containerFormat === 'bare'
  const inspection = inspectDiskImage(head, declared.nonfatal)
  if (isBare && declared.enforceMatch) refuseMismatch(diskFormat, inspection)
  refuseUnsafe(isBare && !NO_DISKS.has(diskFormat) ? inspection.unsafe : unsafeReference(head))
  if (diskFormat === 'vmdk') refuseUnsafe(unsafeAsVmdk(readHead(head)))
  const elsewhere = elsewhereIn(head)
  return {
    inspection,
    header: head.slice(0, HEADER_SIZE),
    elsewhere,
    rest: elsewhere && createStretch(elsewhere),
  }
}

/** With what some images tell of size and parent only behind the head. */
function finished({ inspection, elsewhere, rest }: Begun): Inspection {
  if (elsewhere === null || rest === null) return inspection
  const { virtualSize, unsafe } = elsewhere.read(readHead(rest.bytes()))
  refuseUnsafe(unsafe)
  return { ...inspection, virtualSize }
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
