import { type SQL, sql } from 'drizzle-orm'
import {
  metadefNamespaces,
  metadefResourceTypeAssociations,
  metadefResourceTypes,
} from '../../../schema/tables.ts'
import { announceAllMetadefs, announceTaken } from '../../registry/announcements.ts'
import type { Registry, Statement } from '../../registry/database.ts'
import {
  CONTENT_KINDS,
  deleteNamespaces,
  insertContent,
  insertResourceTypes,
  type Namespace,
  namespaceIds,
  resourceTypesOf,
} from '../../registry/metadef-contents.ts'
import type { MetadefChanges } from '../feed/records.ts'

/** Takes over definitions as they are at the upstream. */
export function replaceMetadefs(
  registry: Registry,
  { namespaces, resource_types }: MetadefChanges,
  now: number,
): Statement[] {
  if (namespaces.length + resource_types.length === 0) return []
  const records = namespaces.flatMap(({ record }) => record ?? [])
  const types = resource_types.flatMap(({ record }) => record ?? [])
  const ids = namespaces.map(({ id }) => id)
  const names = resource_types.map(({ id: name }) => name)
  // Whoever else holds one of the names here has lost it, as a later change will tell.
  const leaving = sql`SELECT id FROM ${metadefNamespaces} WHERE id IN (${listed(ids)})
    OR namespace IN (${listed(records.map(({ namespace }) => namespace))})`
  return [
    ...deleteNamespaces(registry, leaving),
    insertResourceTypes(registry, types, 'replace'),
    ...insertNamespaces(registry, records),
    deleteUnused(
      registry,
      resource_types.filter(({ record }) => !record),
    ),
    announceTaken(registry, { kind: 'metadef_namespace', ids }, now),
    announceTaken(registry, { kind: 'metadef_resource_type', ids: names }, now),
  ]
}

/** Takes over definitions as the only ones that there are. */
export function replaceAllMetadefs(
  registry: Registry,
  changes: MetadefChanges,
  now: number,
): Statement[] {
  return [
    ...announceAllMetadefs(registry, now),
    ...deleteNamespaces(registry, namespaceIds()),
    registry.delete(metadefResourceTypes),
    ...replaceMetadefs(registry, changes, now),
  ]
}

function insertNamespaces(registry: Registry, records: Namespace[]): Statement[] {
  if (records.length === 0) return []
  const rows = records.map(
    ({ properties: _p, objects: _o, tags: _t, associations: _a, ...row }) => row,
  )
  const where = sql`${metadefNamespaces.id} = r.value->>'$.namespace_id'`
  return [
    // Their own changes may be on a later page.
    insertResourceTypes(
      registry,
      resourceTypesOf(records.flatMap(({ associations }) => associations)),
      'keep',
    ),
    ...rows.map((row) => registry.insert(metadefNamespaces).values(row)),
    ...CONTENT_KINDS.map((kind) => {
      const entries = records.flatMap((record) =>
        record[kind].map((entry) => ({ ...entry, namespace_id: record.id })),
      )
      return insertContent(registry, kind, entries, { where })
    }),
  ]
}

function deleteUnused(registry: Registry, gone: { id: string }[]): Statement {
  const { name } = metadefResourceTypes
  const used = sql`SELECT 1 FROM ${metadefResourceTypeAssociations} WHERE resource_type = ${name}`
  return registry
    .delete(metadefResourceTypes)
    .where(sql`${name} IN (${listed(gone.map(({ id }) => id))}) AND NOT EXISTS (${used})`)
}

function listed(values: string[]): SQL {
  return sql`SELECT value FROM json_each(${JSON.stringify(values)})`
}
