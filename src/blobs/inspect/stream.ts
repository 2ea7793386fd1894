import { HeliostatError } from '../../errors.ts'
import { type Inspection, inspectDiskImage, inspectTail } from './inspect.ts'
import { formatMismatch, virtualSizeOf } from './match.ts'

/** Where the fields of a header lie that the end of the stream may repeat. */
const HEADER_SIZE = 512
const TAIL_SIZE = 1536

/** Archives of kernels and such: their content is nobody's disk. */
const UNCHECKED: ReadonlySet<string> = new Set(['ami', 'ari', 'aki', 'ploop'])

/** Watches an upload's chunks go by, and refuses [415] what is not what it says, or not safe to boot from. */
export interface StreamInspector {
  take(chunk: Uint8Array): void
  /** The size that the guest sees, null where the format does not tell. */
  finish(size: number): number | null
}

/** An inspector for an image of this disk format. `enforce`: refuse content of another format. */
export function createStreamInspector(declared: string, enforce: boolean): StreamInspector {
  let inspection: Inspection | null = null
  let header: Uint8Array = new Uint8Array()
  let tail: Uint8Array = new Uint8Array()

  function begin(head: Uint8Array): void {
    inspection = inspectDiskImage(head)
    header = head.slice(0, HEADER_SIZE)
    if (enforce && formatMismatch(declared, inspection)) {
      throw unsupported(
        `Image disk_format ${declared} does not match stream data ${inspection.format}`,
      )
    }
    refuseUnsafe(declared, inspection.unsafe)
  }

  return {
    take(chunk) {
      if (inspection === null) begin(chunk)
      tail = lastBytes(tail, chunk)
    },
    finish(size) {
      if (inspection === null) return null
      refuseUnsafe(declared, inspectTail(header, tail))
      return virtualSizeOf(declared, inspection, size)
    },
  }
}

function refuseUnsafe(declared: string, danger: string | null): void {
  if (danger === null || UNCHECKED.has(declared)) return
  throw unsupported(`Image failed safety checks: ${danger}`)
}

function unsupported(message: string): HeliostatError {
  return new HeliostatError('unsupported-media-type', message)
}

function lastBytes(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.length >= TAIL_SIZE) return chunk.slice(-TAIL_SIZE)
  const joined = new Uint8Array(before.length + chunk.length)
  joined.set(before)
  joined.set(chunk, before.length)
  return joined.slice(-TAIL_SIZE)
}
