import { createStreamInspector, type Declaration } from '../../../src/blobs/inspect/stream.ts'
import { HeliostatError } from '../../../src/errors.ts'

const CHUNK = 1024 * 1024

type Declared = Omit<Declaration, 'mayBeEmpty' | 'nonfatal'> & { nonfatal?: string[] }

/** With what an upload of these bytes is refused, `null` if it is taken. */
export function refusalOf(bytes: Uint8Array, declared: Declared): string | null {
  const inspector = createStreamInspector({ mayBeEmpty: false, nonfatal: [], ...declared })
  try {
    for (let at = 0; at < bytes.length; at += CHUNK) inspector.take(bytes.subarray(at, at + CHUNK))
    inspector.finish(bytes.length)
    return null
  } catch (error) {
    if (error instanceof HeliostatError) return error.message
    throw error
  }
}
