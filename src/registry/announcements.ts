/**
 * Where rows of the feed are written, by which mirrors learn of changes. Each function makes a statement for the batch
 * of the change itself, and announces only what meets a condition where the statement stands in that batch: so a change
 * that is refused announces nothing, and wakes nobody. A row only names the record; whoever follows the feed fetches it
 * as it is by then.
 */
import { type SQL, sql } from 'drizzle-orm'
import { feed, images, metadefNamespaces, metadefResourceTypes } from '../../schema/tables.ts'
import type { Registry, Statement } from './database.ts'
import { insertSelected } from './insert-selected.ts'

/** What a row of the feed may name: an image or a namespace by its id, or a resource type by its name. */
export type RecordKind = (typeof feed.$inferSelect)['kind']

/** Announces the images that meet the condition on `images`. */
export function announceImages(registry: Registry, where: SQL | undefined, at: number): Statement {
  const row = { kind: 'image', record_id: sql`${images.id}`, changed_at: at } as const
  return insertSelected(registry, feed, row, sql`FROM ${images} WHERE ${where}`)
}

/** Announces the namespaces that meet the condition on `metadef_namespaces`, with all that is within them. */
export function announceNamespaces(
  registry: Registry,
  where: SQL | undefined,
  at: number,
): Statement {
  const id = sql`${metadefNamespaces.id}`
  const row = { kind: 'metadef_namespace', record_id: id, changed_at: at } as const
  return insertSelected(registry, feed, row, sql`FROM ${metadefNamespaces} WHERE ${where}`)
}

/**
 * Announces those of the resource types that are not there yet, where some namespace meets the condition: so it stands
 * before the statement that makes them.
 */
export function announceNewResourceTypes(
  registry: Registry,
  { types, where }: { types: { name: string }[]; where: SQL | undefined },
  at: number,
): Statement {
  const names = JSON.stringify(types.map(({ name }) => name))
  const row = { kind: 'metadef_resource_type', record_id: sql`value`, changed_at: at } as const
  const known = sql`SELECT 1 FROM ${metadefResourceTypes} WHERE name = value`
  const wanted = sql`SELECT 1 FROM ${metadefNamespaces} WHERE ${where}`
  const rest = sql`FROM json_each(${names}) WHERE NOT EXISTS (${known}) AND EXISTS (${wanted})`
  return insertSelected(registry, feed, row, rest)
}

/** Announces every definition, namespaces first: a resource type goes after those that it belongs to. */
export function announceAllMetadefs(registry: Registry, at: number): [Statement, Statement] {
  const type = { kind: 'metadef_resource_type', record_id: sql`name`, changed_at: at } as const
  return [
    announceNamespaces(registry, sql`true`, at),
    insertSelected(registry, feed, type, sql`FROM ${metadefResourceTypes}`),
  ]
}

/** Announces records by their ids, also those that are gone: what a mirror has taken over from its upstream. */
export function announceTaken(
  registry: Registry,
  { kind, ids }: { kind: RecordKind; ids: string[] },
  at: number,
): Statement {
  const row = { kind, record_id: sql`value`, changed_at: at }
  return insertSelected(registry, feed, row, sql`FROM json_each(${JSON.stringify(ids)})`)
}
