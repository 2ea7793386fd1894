import { createGunzip } from 'node:zlib'
import { badArchive } from './bad-archive.ts'
import { through } from './through.ts'

/** Larger parts than zlib's own 16 KiB: each costs a turn of a thread. */
const PART_SIZE = 128 * 1024

type Format = 'gzip' | 'zip'

/** What else may be the cause where zlib finds other bytes than it needs. */
const OR = {
  gzip: 'is damaged, or followed by bytes that do not belong to it',
  zip: 'is damaged, or holds more than one file',
}

/**
 * All members of a gzip file, with their CRC-32 and sizes verified. Bytes behind the last one are refused, also zeros,
 * at which zlib just stops. `format` is what the bytes were when they were sent.
 */
export function gunzip(
  body: ReadableStream<Uint8Array>,
  format: Format = 'gzip',
): ReadableStream<Uint8Array> {
  return through(body, () => {
    const engine = createGunzip({ chunkSize: PART_SIZE })
    return {
      input: engine,
      output: engine,
      async conclude(failure, sent) {
        const fault = faultOf(failure, format)
        if (fault !== null) throw badArchive(format, fault)
        if (!failure && engine.bytesWritten !== sent) throw badArchive(format, OR[format])
      },
      refuseRest: () => badArchive(format, OR[format]),
      kill: () => void engine.destroy(),
    }
  })
}

/** What zlib found wrong with the bytes; null where something else has failed. */
function faultOf(failure: unknown, format: Format): string | null {
  if (!(failure instanceof Error) || !('code' in failure)) return null
  if (failure.code === 'Z_BUF_ERROR') return 'ends early'
  if (failure.code !== 'Z_DATA_ERROR' && failure.code !== 'Z_NEED_DICT') return null
  return `${OR[format]}: ${failure.message}`
}
