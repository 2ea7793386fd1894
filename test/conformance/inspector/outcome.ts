import { HEAD_SIZE } from '../../../src/blobs/inspect/head.ts'
import { elsewhereIn } from '../../../src/blobs/inspect/inspect.ts'
import { createStreamInspector } from '../../../src/blobs/inspect/stream.ts'
import { TAIL_SIZE } from '../../../src/blobs/inspect/vmdk-footer.ts'
import { HeliostatError } from '../../../src/errors.ts'

const MIB = 1024 * 1024
/** An inspector keeps no more of an image than its head, as much of what that leads to, and its tail. */
const LARGEST_ELSEWHERE = MIB

export interface Declared {
  diskFormat: string
  containerFormat: string
}

/** The sentence of a refusal, `null` where it is taken; throws whatever is no refusal. */
export function outcomeOf(bytes: Uint8Array, declared: Declared): string | null {
  return outcome(declared, (take) => {
    for (let at = 0; at < bytes.length; at += MIB) take(bytes.subarray(at, at + MIB))
    return bytes.length
  })
}

/** The same, each chunk overwritten as soon as it was looked at: whoever keeps hold of one sees other bytes. */
export function outcomeOfReused(bytes: Uint8Array, declared: Declared, chunk: number) {
  const buffer = new Uint8Array(Math.min(chunk, bytes.length))
  return outcome(declared, (take) => {
    for (let at = 0; at < bytes.length; at += chunk) {
      const part = bytes.subarray(at, at + chunk)
      buffer.set(part)
      take(buffer.subarray(0, part.length))
      buffer.fill(0xa5)
    }
    return bytes.length
  })
}

/** The image with noise wherever the inspector has no business to look. */
export function noisy(bytes: Uint8Array): Uint8Array {
  const elsewhere = elsewhereIn(bytes.subarray(0, HEAD_SIZE))
  if (elsewhere !== null && elsewhere.length > LARGEST_ELSEWHERE) {
    throw new Error(`The inspector wants ${elsewhere.length} bytes of another place`)
  }
  const copy = bytes.slice()
  if (bytes.length > HEAD_SIZE + TAIL_SIZE) copy.fill(0x5a, HEAD_SIZE, bytes.length - TAIL_SIZE)
  if (elsewhere === null) return copy
  const { start, length } = elsewhere
  const kept = bytes.subarray(start, start + length)
  if (kept.length > 0) copy.set(kept, start)
  return copy
}

function outcome(
  declared: Declared,
  feed: (take: (chunk: Uint8Array) => void) => number,
): string | null {
  const inspector = createStreamInspector({
    ...declared,
    enforceMatch: false,
    mayBeEmpty: false,
    nonfatal: [],
  })
  try {
    inspector.finish(feed((chunk) => inspector.take(chunk)))
    return null
  } catch (error) {
    if (error instanceof HeliostatError && error.status === 415) return error.message
    throw error
  }
}
