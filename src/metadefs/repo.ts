import type { Registry } from '../registry/database.ts'
import { createMetadefChanges } from './changes.ts'
import { createMetadefReads } from './reads.ts'

/** The metadata definitions of the registry. */
export type MetadefRepo = ReturnType<typeof createMetadefRepo>

export function createMetadefRepo(registry: Registry) {
  return { ...createMetadefReads(registry), ...createMetadefChanges(registry) }
}
