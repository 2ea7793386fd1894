import type { Registry } from '../registry/database.ts'
import { createImageChanges } from './changes.ts'
import { createImageDeletions } from './deletions.ts'
import { createImageReads, type ImageReads } from './reads.ts'

/** The images of the registry. */
export interface ImageRepo
  extends
    ImageReads,
    ReturnType<typeof createImageChanges>,
    ReturnType<typeof createImageDeletions> {}

export function createImageRepo(registry: Registry): ImageRepo {
  return {
    ...createImageReads(registry),
    ...createImageChanges(registry),
    ...createImageDeletions(registry),
  }
}
