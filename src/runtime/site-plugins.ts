import type { Decompressors } from '../blobs/archive/unpack.ts'
import { type ImageConverter, createConversion, isConverted } from '../imports/conversion.ts'
import { createDecompression } from '../imports/decompression.ts'
import { inOrder, type Plugin, type Plugins } from '../imports/plugins.ts'
import type { Parts } from './services.ts'

/** What a runtime has for plugins. */
export interface ImportTools {
  decompressors: Decompressors
  /** Null where there is none. */
  converter: ImageConverter | null
}

/** Where no program can be run. */
export const NO_TOOLS: ImportTools = {
  decompressors: { xz: null, lzma: null, zstd: null, bzip2: null },
  converter: null,
}

/** The plugins that are configured, in their order; what is injected is so when an import is asked for. */
export function createSitePlugins({
  config,
  buffers,
  importTools: { decompressors, converter },
}: Pick<Parts, 'config' | 'buffers' | 'importTools'>): Plugins {
  const { image_import_plugins: names } = config.image_import_opts
  const { output_format: outputFormat } = config.image_conversion
  const options = { ...config.heliostat, ...config.DEFAULT, ...config.image_format }
  const plugins = names.flatMap((name): Plugin[] => {
    if (name === 'image_decompression') return [createDecompression({ decompressors, options })]
    if (name !== 'image_conversion' || !converter) return []
    return [createConversion({ converter, buffers, outputFormat, options })]
  })
  const isMissing = names.includes('image_conversion') && converter === null
  return inOrder(
    plugins,
    isMissing
      ? { name: 'image_conversion', mayChange: (image) => isConverted(image, outputFormat) }
      : null,
  )
}
