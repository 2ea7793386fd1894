import { createStreamInspector, type Declaration } from '../../../src/blobs/inspect/stream.ts'
import { HeliostatError } from '../../../src/errors.ts'

const CHUNK = 1024 * 1024

/** With what an upload of these bytes is refused, `null` if it is taken. */
export function refusalOf(bytes: Uint8Array, declared: Declaration): string | null {
  const inspector = createStreamInspector(declared)
  try {
    for (let at = 0; at < bytes.length; at += CHUNK) inspector.take(bytes.subarray(at, at + CHUNK))
    inspector.finish(bytes.length)
    return null
  } catch (error) {
    if (error instanceof HeliostatError) return error.message
    throw error
  }
}
