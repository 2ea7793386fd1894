import type { Registry } from '../registry/database.ts'
import { createMetadefChanges, type MetadefChanges } from './changes.ts'
import { createMetadefReads, type MetadefReads } from './reads.ts'

/** The metadata definitions of the registry. */
export interface MetadefRepo extends MetadefReads, MetadefChanges {}

export function createMetadefRepo(registry: Registry): MetadefRepo {
  return { ...createMetadefReads(registry), ...createMetadefChanges(registry) }
}
