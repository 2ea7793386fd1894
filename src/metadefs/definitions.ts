import type { NewNamespace } from '../../schema/metadef.ts'
import { loadNamespace } from './catalog.ts'
import { parseDefinitionFile, toDefinitionFile } from './definition-file.ts'
import { createMetadefRepo } from './repo.ts'
import type { Registry } from '../registry/database.ts'

/** A namespace of another site, and how old it is there. */
interface DatedNamespace {
  given: NewNamespace
  times: { created_at: number; updated_at: number }
}

/** Keeps metadata definitions as another site has them. */
export interface Definitions {
  isSame(namespace: Pick<DatedNamespace, 'given'>): Promise<boolean>
  /** Replaces the namespace with all that it holds. */
  bring(namespace: DatedNamespace): Promise<void>
}

export function createDefinitions(registry: Registry): Definitions {
  const metadefs = createMetadefRepo(registry)
  return {
    async isSame({ given }) {
      const here = await metadefs.find(given.namespace)
      if (!here) return false
      return textOf(given) === textOf(parseDefinitionFile(toDefinitionFile(here)))
    },

    async bring({ given, times }) {
      await loadNamespace(registry, given, 'overwrite', times)
    },
  }
}

/** The same text for the same definitions, in whichever order they are told. */
function textOf({
  objects = [],
  tags = [],
  resource_type_associations,
  ...rest
}: NewNamespace): string {
  const { properties = {}, visibility = 'private', protected: isProtected = false } = rest
  return JSON.stringify(
    ordered({
      ...rest,
      visibility,
      protected: isProtected,
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, { ...property, name }]),
      ),
      objects: byName(
        objects.map((object) => ({
          ...object,
          required: object.required ?? [],
          properties: object.properties ?? {},
        })),
      ),
      tags: byName(tags),
      resource_type_associations: byName(resource_type_associations ?? []),
    }),
  )
}

function byName<T extends { name: string }>(entries: readonly T[]): T[] {
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** With the keys of every object in order. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, ordered(part)]),
  )
}
