import type { SQL } from 'drizzle-orm'
import { announceNewResourceTypes } from '../registry/announcements.ts'
import type { Registry, Statement } from '../registry/database.ts'
import { insertResourceTypes, type ResourceType } from '../registry/metadef-contents.ts'

/**
 * Makes the types that associations need, where their namespace is there, and announces them before it, so that mirrors
 * have them in time.
 */
export function makeResourceTypes(
  registry: Registry,
  types: ResourceType[],
  where: SQL | undefined,
): Statement[] {
  const [first] = types
  if (!first) return []
  return [
    announceNewResourceTypes(registry, { types, where }, first.updated_at),
    insertResourceTypes(registry, types, 'keep', where),
  ]
}
