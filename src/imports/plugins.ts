/** What imported bytes go through before they are stored. */
import { HeliostatError } from '../errors.ts'
import type { Image } from '../images/image.ts'
import type { Source } from './source.ts'

export interface Applied {
  source: Source
  /** False where it is the same bytes. */
  isChanged: boolean
}

/** Makes of a source another one, or leaves it as it is. Throws where that is not to be stored at all. */
export interface Plugin {
  /** Whether it has anything to do with such an image, whatever its bytes are. */
  mayChange(image: Image): boolean
  apply(source: Source, image: Image, signal: AbortSignal): Promise<Applied>
}

/** All that are configured, in their order. */
export interface Plugins extends Plugin {
  /** For an image that one would have to do with that there is not on this runtime [not-implemented]. */
  refuseMissing(image: Image): void
}

/** `missing` is named by its option, and there only to be refused. */
export function inOrder(
  plugins: readonly Plugin[],
  missing: { name: string; mayChange: Plugin['mayChange'] } | null = null,
): Plugins {
  return {
    mayChange: (image) => plugins.some((plugin) => plugin.mayChange(image)),

    refuseMissing(image) {
      if (!missing?.mayChange(image)) return
      throw new HeliostatError(
        'not-implemented',
        `Image ${image.id} cannot be imported here: its import needs the plugin ${missing.name}, which there is not on this runtime`,
      )
    },

    async apply(given, image, signal) {
      let source = given
      let isChanged = false
      try {
        for (const plugin of plugins) {
          const current = { ...image, ...source.record }
          if (!plugin.mayChange(current)) continue
          const applied = await plugin.apply(source, current, signal)
          source = applied.source
          isChanged ||= applied.isChanged
        }
      } catch (error) {
        await source.body.cancel(error).catch(() => undefined)
        throw error
      }
      return { source, isChanged }
    },
  }
}
