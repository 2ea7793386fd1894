import type { Registry } from '../registry/database.ts'
import { createImageChanges } from './changes.ts'
import { createImageDeletions } from './deletions.ts'
import { createImageReads } from './reads.ts'

/** The images of the registry. */
export type ImageRepo = ReturnType<typeof createImageRepo>

export function createImageRepo(registry: Registry) {
  return {
    ...createImageReads(registry),
    ...createImageChanges(registry),
    ...createImageDeletions(registry),
  }
}
