import { join } from 'node:path'
import { type Config, isEdge } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { findDecompressors } from './decompressors.ts'
import type { Place } from './processes/messages.ts'
import { openQemuImg } from './qemu-img.ts'
import { type ImportTools, NO_TOOLS } from './site-plugins.ts'

/** The programs of this machine that the configured plugins need. A conversion without `qemu-img` is a mistake. */
export async function openImportTools(
  config: Config,
  place: Pick<Place, 'slot' | 'isFirst'> | null = null,
): Promise<ImportTools> {
  const { image_import_plugins: plugins } = config.image_import_opts
  if (isEdge(config)) return NO_TOOLS
  const decompressors = plugins.includes('image_decompression')
    ? await findDecompressors()
    : NO_TOOLS.decompressors
  if (!plugins.includes('image_conversion')) return { decompressors, converter: null }
  const root = join(config.heliostat.data_dir, 'conversions')
  // Beside others each has a folder of its own, where what dies leaves its files to the next one in its place.
  const folder = place ? join(root, `${place.slot}`) : root
  const converter = await openQemuImg(folder, (place?.isFirst ?? true) ? root : folder)
  if (converter) return { decompressors, converter }
  throw new ConfigError(
    '[image_import_opts] image_import_plugins: got "image_conversion", wanted the program qemu-img for it on this machine (Debian: qemu-utils), together with prlimit',
  )
}
