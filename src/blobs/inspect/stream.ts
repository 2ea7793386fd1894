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
import { createOvaWalker, type MemberInspector, type OvaWalker } from './ova.ts'
import { concatenate, createStretch, type Stretch } from './stretch.ts'
import { isTar } from './tar-header.ts'
import { createTarSearch } from './tar-search.ts'
import { formatOfName, quoted } from './tar-member.ts'
import { TAIL_SIZE } from './vmdk-footer.ts'
import { unsafeAsVmdk } from './vmdk.ts'

/** Where the fields of a header lie that the end of the stream may repeat. */
const HEADER_SIZE = 512
/** The container of what is in an archive and no disk by its name. */
const NO_DISK = 'none'

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
  /** Whether a reader may be told that it is a vmdk, although the disk format is another. */
  opensAsVmdk?: boolean
}

/**
 * An inspector for an image declared so. What is in no bare container, or no disk, is only refused where a reader
 * that probes the content nevertheless would be led to another file. Of an `ova` every member is looked at as well.
 */
export function createStreamInspector(declared: Declaration): StreamInspector {
  const inspector = createContentInspector(declared)
  return declared.containerFormat === 'ova' ? withMembers(inspector, declared) : inspector
}

function createContentInspector(declared: Declaration): StreamInspector {
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

/** What has no tar in it is left to the other inspector: nobody can unpack it, and Glance takes it. */
function withMembers(whole: StreamInspector, declared: Declaration): StreamInspector {
  let walker: OvaWalker | null = null
  return {
    take(chunk) {
      walker ??= walkerFor(chunk, declared)
      whole.take(chunk)
      walker.take(chunk)
    },
    finish(size) {
      walker?.finish()
      return whole.finish(size)
    },
  }
}

function walkerFor(first: Uint8Array, declared: Declaration): OvaWalker {
  if (!isTar(first)) return createTarSearch(() => refuse('The ova has a tar behind what is none'))
  const { format } = inspectDiskImage(first.subarray(0, HEAD_SIZE))
  if (format !== 'raw') refuseUnsafe(`The image is both ova and ${format}`)
  return createOvaWalker({ inspect: (name) => memberInspector(name, declared), refuse })
}

/** As an upload of the format that its name has, of which nobody says that it has to be that. */
function memberInspector(name: string, { diskFormat, nonfatal }: Declaration): MemberInspector {
  const format = formatOfName(name)
  const inspector = createContentInspector({
    diskFormat: format ?? 'raw',
    containerFormat: format === null ? NO_DISK : 'bare',
    enforceMatch: false,
    mayBeEmpty: true,
    nonfatal,
    opensAsVmdk: diskFormat === 'vmdk',
  })
  return {
    take: (bytes) => naming(name, () => inspector.take(bytes)),
    finish: (size) => naming(name, () => void inspector.finish(size)),
  }
}

function naming(name: string, inspect: () => void): void {
  try {
    inspect()
  } catch (error) {
    if (!(error instanceof HeliostatError)) throw error
    throw new HeliostatError(error.code, `${error.message}, in the ova member ${quoted(name)}`)
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
  const opensAsVmdk = diskFormat === 'vmdk' || declared.opensAsVmdk === true
  if (opensAsVmdk) refuseUnsafe(unsafeAsVmdk(readHead(head)))
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
  if (danger !== null) refuse(danger)
}

function refuse(danger: string): never {
  throw unsupported(`Image failed safety checks: ${danger}`)
}

function unsupported(message: string): HeliostatError {
  return new HeliostatError('unsupported-media-type', message)
}

function lastBytes(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.length >= TAIL_SIZE) return chunk.slice(-TAIL_SIZE)
  return concatenate(before, chunk).slice(-TAIL_SIZE)
}
