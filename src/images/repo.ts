import type { Registry } from '../registry/database.ts'
import { createImageChanges, type ImageChanges } from './changes.ts'
import { createImageDeletions, type ImageDeletions } from './deletions.ts'
import { createImageReads, type ImageReads } from './reads.ts'

/** The images of the registry. */
export interface ImageRepo extends ImageReads, ImageChanges, ImageDeletions {}

/** Lists have the images' locations only where somebody wants to see them. */
export function createImageRepo(registry: Registry, listLocations = false): ImageRepo {
  return {
    ...createImageReads(registry, listLocations),
    ...createImageChanges(registry),
    ...createImageDeletions(registry),
  }
}
