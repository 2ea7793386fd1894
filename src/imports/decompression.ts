/** The plugin `image_decompression`: an archive of one file becomes that file before it is stored. */
import { type Decompressors, unpack } from '../blobs/archive/unpack.ts'
import { sizeCap } from '../images/upload/size.ts'
import type { Plugin } from './plugins.ts'

/** See `blobs/archive/limits.ts`. */
const MAX_RATIO = 1_100

export interface DecompressingParts {
  decompressors: Decompressors
  options: { chunk_size: number; image_size_cap: number }
}

/** What is said to be compressed stays so. */
export function createDecompression({ decompressors, options }: DecompressingParts): Plugin {
  return {
    mayChange: (image) => image.container_format !== 'compressed',

    async apply(source) {
      const limits = { decompressors, maxBytes: sizeCap(options), maxRatio: MAX_RATIO }
      const { archive, body } = await unpack(source.body, limits)
      if (archive === null) return { source: { ...source, body }, isChanged: false }
      return { source: { ...source, size: null, body }, isChanged: true }
    },
  }
}
