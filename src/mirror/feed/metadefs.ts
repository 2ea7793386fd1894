import { inArray, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { feed, metadefNamespaces, metadefResourceTypes } from '../../../schema/tables.ts'
import type { Registry } from '../../registry/database.ts'
import { namespaceColumns } from '../../registry/metadef-contents.ts'
import type { MetadefChanges } from './record.ts'

type Statement = BatchItem<'sqlite'>
type FeedKind = (typeof feed.$inferSelect)['kind']

/** Tells mirrors of a change of a namespace, of which everything within it is a part, by the id that it keeps. */
export function announceNamespace(registry: Registry, id: string, at: number) {
  return announceNamespaces(registry, [id], at)
}

export function announceNamespaces(registry: Registry, ids: string[], at: number) {
  return announce(registry, 'metadef_namespace', ids, at)
}

/** The same for the one for which the condition on `metadef_namespaces` holds, if there is one. */
export function announceNamespaceIf(registry: Registry, where: SQL, at: number) {
  const named = sql`SELECT NULL, 'metadef_namespace', id, ${at} FROM ${metadefNamespaces}`
  return registry.insert(feed).select(sql`${named} WHERE ${where}`)
}

export function announceResourceTypes(registry: Registry, types: { name: string }[], at: number) {
  const names = types.map(({ name }) => name)
  return announce(registry, 'metadef_resource_type', names, at)
}

/** Tells of every definition that there is, namespaces first: a resource type goes after those that it belongs to. */
export function announceAllMetadefs(registry: Registry, at: number): [Statement, Statement] {
  return [
    registry
      .insert(feed)
      .select(sql`SELECT NULL, 'metadef_namespace', id, ${at} FROM ${metadefNamespaces}`),
    registry
      .insert(feed)
      .select(sql`SELECT NULL, 'metadef_resource_type', name, ${at} FROM ${metadefResourceTypes}`),
  ]
}

function announce(registry: Registry, kind: FeedKind, ids: string[], at: number) {
  const values = sql`json_each(${JSON.stringify(ids)})`
  return registry.insert(feed).select(sql`SELECT NULL, ${kind}, value, ${at} FROM ${values}`)
}

/** The definitions that rows of the feed name, as they are now. */
export async function changedMetadefs(
  registry: Registry,
  rows: { kind: FeedKind; id: string }[],
): Promise<MetadefChanges> {
  const idsOf = (wanted: FeedKind) => rows.filter(({ kind }) => kind === wanted).map(({ id }) => id)
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
