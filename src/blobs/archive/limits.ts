import { HeliostatError } from '../../errors.ts'
import type { ArchiveFormat } from './format.ts'
import { watched } from './streams.ts'

type Body = ReadableStream<Uint8Array>

export interface UnpackLimits {
  /** The most bytes that may come out of an archive. */
  maxBytes: number
  /**
   * The most that come out for each byte that was read, once `FREE_BYTES` have. Zeros cost no space here, so this
   * bounds the time that a small request can take. Raw disks are sparse and shrink to a hundredth, empty ones in gzip
   * to 1/1032, the most that deflate can do: 1,100 lets through all of gzip and zip, and every disk in the others that
   * is not empty. In xz zeros shrink to 1/7,000, in zstd to 1/32,000, in bzip2 to 1/1,000,000.
   */
  maxRatio: number
}

/** Small disks may be all zeros, whatever they were packed with. */
const FREE_BYTES = 256 * 1024 * 1024

/** What `open` unpacks of a body, [too-large] as soon as it is more than the limits allow. */
export function limited(
  body: Body,
  {
    format,
    limits,
    open,
  }: { format: ArchiveFormat; limits: UnpackLimits; open: (b: Body) => Body },
): Body {
  const { maxBytes, maxRatio } = limits
  let read = 0
  let unpacked = 0
  const counted = watched(body, { look: ({ length }) => void (read += length) })
  return watched(open(counted), {
    look({ length }) {
      unpacked += length
      const isBomb = unpacked > FREE_BYTES && unpacked > read * maxRatio
      if (unpacked > maxBytes || isBomb) throw tooLarge(format, { read, unpacked, ...limits })
    },
  })
}

function tooLarge(
  format: ArchiveFormat,
  { read, unpacked, maxBytes, maxRatio }: UnpackLimits & { read: number; unpacked: number },
): HeliostatError {
  return new HeliostatError(
    'too-large',
    `The ${format} archive holds too much: ${unpacked} bytes or more in ${read} that were read, where at most ${maxBytes} are allowed, and beyond ${FREE_BYTES} at most ${maxRatio} times what was read`,
  )
}
