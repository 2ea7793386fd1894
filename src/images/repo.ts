import type { Registry } from '../registry/database.ts'
import { createImageChanges, type ImageChanges } from './changes.ts'
import { createImageDeletions, type ImageDeletions } from './deletions.ts'
import { createImageReads, type ImageReads } from './reads.ts'

/** The images of the registry. */
export interface ImageRepo extends ImageReads, ImageChanges, ImageDeletions {}

export function createImageRepo(registry: Registry): ImageRepo {
  return {
    ...createImageReads(registry),
    ...createImageChanges(registry),
    ...createImageDeletions(registry),
  }
}
