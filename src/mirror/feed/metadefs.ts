import { inArray } from 'drizzle-orm'
import { metadefNamespaces, metadefResourceTypes } from '../../../schema/tables.ts'
import type { RecordKind } from '../../registry/announcements.ts'
import type { Registry } from '../../registry/database.ts'
import { namespaceColumns } from '../../registry/metadef-columns.ts'
import type { MetadefChanges } from './records.ts'

/** The definitions that rows of the feed name, as they are now. */
export async function changedMetadefs(
  registry: Registry,
  rows: { kind: RecordKind; id: string }[],
): Promise<MetadefChanges> {
  const idsOf = (wanted: RecordKind) =>
    rows.filter(({ kind }) => kind === wanted).map(({ id }) => id)
  const [ids, names] = [idsOf('metadef_namespace'), idsOf('metadef_resource_type')]
  const namespaces = await registry
    .select(namespaceColumns)
    .from(metadefNamespaces)
    .where(inArray(metadefNamespaces.id, ids))
  const types = await registry
    .select()
    .from(metadefResourceTypes)
    .where(inArray(metadefResourceTypes.name, names))
  const namespaceById = new Map(namespaces.map((namespace) => [namespace.id, namespace]))
  const typeByName = new Map(types.map((type) => [type.name, type]))
  return {
    namespaces: ids.map((id) => ({ id, record: namespaceById.get(id) ?? null })),
    resource_types: names.map((id) => ({ id, record: typeByName.get(id) ?? null })),
  }
}

/** Every definition, for a snapshot. */
export async function allMetadefs(registry: Registry): Promise<MetadefChanges> {
  const namespaces = await registry.select(namespaceColumns).from(metadefNamespaces)
  const types = await registry.select().from(metadefResourceTypes)
  return {
    namespaces: namespaces.map((record) => ({ id: record.id, record })),
    resource_types: types.map((record) => ({ id: record.name, record })),
  }
}
