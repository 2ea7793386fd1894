/** The plugin `image_conversion`: disks become one format before they are stored. */
import type { ChunkBuffers } from '../blobs/chunk-buffers.ts'
import { cutChunks } from '../blobs/chunks.ts'
import { createStreamInspector } from '../blobs/inspect/stream.ts'
import { HeliostatError } from '../errors.ts'
import type { Image } from '../images/image.ts'
import { sizeCap } from '../images/upload/size.ts'
import type { Plugin } from './plugins.ts'
import type { Source } from './source.ts'

export interface ConversionRequest {
  /** Formats in Glance's words. */
  from: string
  to: string
  /** Bytes that the result may have. */
  most: number
  signal: AbortSignal
}

/** One conversion, whose files are gone when it has ended. */
export interface Conversion {
  /** Puts the next bytes behind what there is of the image. */
  write(bytes: Uint8Array): Promise<void>
  /** The converted image. It ends by itself when its body has been read or cancelled. */
  run(request: ConversionRequest): Promise<Pick<Source, 'size' | 'body'>>
  end(): Promise<void>
}

/** A tool that converts images, each a file on this machine. */
export interface ImageConverter {
  begin(): Promise<Conversion>
}

export interface ConvertingParts {
  converter: ImageConverter
  buffers: ChunkBuffers
  /** `[image_conversion] output_format`. */
  outputFormat: string
  options: { chunk_size: number; image_size_cap: number; gpt_safety_checks_nonfatal: string[] }
}

/** What an image may be that is converted. */
const CONVERTED: ReadonlySet<string> = new Set(['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx'])

/** Whether an image becomes one of the format; an ISO stays one, and so does what is no disk. */
export function isConverted(
  { disk_format: from, container_format: container }: Image,
  outputFormat: string,
): boolean {
  return from !== null && from !== outputFormat && CONVERTED.has(from) && container === 'bare'
}

export function createConversion(parts: ConvertingParts): Plugin {
  return {
    mayChange: (image) => isConverted(image, parts.outputFormat),
    apply: async (source, image, signal) => ({
      source: await convert(parts, source, { image, signal }),
      isChanged: true,
    }),
  }
}

/** Takes the image to a file, inspected as an upload is, before anything but the inspector reads it. */
async function convert(
  { converter, buffers, outputFormat, options }: ConvertingParts,
  source: Source,
  { image, signal }: { image: Image; signal: AbortSignal },
): Promise<Source> {
  const from = image.disk_format ?? 'raw'
  const most = sizeCap(options)
  const conversion = await converter.begin()
  try {
    const inspector = createStreamInspector({
      diskFormat: from,
      containerFormat: 'bare',
      enforceMatch: true,
      mayBeEmpty: false,
      nonfatal: options.gpt_safety_checks_nonfatal,
    })
    let size = 0
    for await (const { bytes, release } of cutChunks(source.body, options.chunk_size, buffers)) {
      try {
        size += bytes.length
        if (size > most) throw tooLarge(most)
        inspector.take(bytes)
        await conversion.write(bytes)
      } finally {
        release()
      }
    }
    inspector.finish(size)
    const converted = await conversion.run({ from, to: outputFormat, most, signal })
    const record = { disk_format: outputFormat, container_format: 'bare' }
    return { ...source, ...converted, record }
  } catch (error) {
    await conversion.end()
    throw error
  }
}

function tooLarge(most: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `The incoming image is too large to be converted: image_size_cap is ${most} bytes`,
  )
}
