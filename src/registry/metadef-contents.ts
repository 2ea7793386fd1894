/** What a namespace of metadata definitions holds, written by one statement a table, whatever the number of rows. */
import { type SQL, sql } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import {
  metadefNamespaces,
  metadefObjects,
  metadefProperties,
  metadefResourceTypeAssociations,
  metadefResourceTypes,
  metadefTags,
} from '../../schema/tables.ts'
import type { Registry, Statement } from './database.ts'

type InNamespace<Row> = Omit<Row, 'id' | 'namespace_id'>

export interface Contents {
  properties: InNamespace<typeof metadefProperties.$inferSelect>[]
  objects: InNamespace<typeof metadefObjects.$inferSelect>[]
  tags: InNamespace<typeof metadefTags.$inferSelect>[]
  associations: InNamespace<typeof metadefResourceTypeAssociations.$inferSelect>[]
}

export type ContentKind = keyof Contents
export type Entry<Kind extends ContentKind = ContentKind> = Contents[Kind][number]
export type NamespaceRow = typeof metadefNamespaces.$inferSelect
export type Namespace = NamespaceRow & Contents
export type ResourceType = typeof metadefResourceTypes.$inferSelect

interface ContentTable {
  table: SQLiteTable
  /** The column that is unique within a namespace. */
  key: string
  columns: string[]
  /** Those of the columns that are JSON. */
  json: string[]
  /** What lists are ordered by: `rowid` is the order of creation. */
  order: 'name' | 'rowid'
}

const TIMES = ['created_at', 'updated_at']

/** The `updated_at` of what a definition file has brought, until somebody changes it. Not null: older mirrors know none. */
export const NEVER = 0

/** Where the entries of each kind lie. */
export const CONTENT: Record<ContentKind, ContentTable> = {
  properties: {
    table: metadefProperties,
    key: 'name',
    columns: ['name', ...TIMES, 'json_schema'],
    json: ['json_schema'],
    order: 'name',
  },
  objects: {
    table: metadefObjects,
    key: 'name',
    columns: ['name', ...TIMES, 'description', 'required', 'json_schema'],
    json: ['required', 'json_schema'],
    order: 'name',
  },
  tags: {
    table: metadefTags,
    key: 'name',
    columns: ['name', ...TIMES],
    json: [],
    order: 'rowid',
  },
  associations: {
    table: metadefResourceTypeAssociations,
    key: 'resource_type',
    columns: ['resource_type', ...TIMES, 'properties_target', 'prefix'],
    json: [],
    order: 'rowid',
  },
}

export const CONTENT_KINDS: ContentKind[] = ['properties', 'objects', 'tags', 'associations']

/** What becomes of an entry that is there already: the whole batch fails, it stays as it is, or it is replaced. */
export type OnConflict = 'fail' | 'keep' | 'replace'

/** Adds rows to every namespace for which the condition on `metadef_namespaces` holds, which is one or none. */
export function insertContent<Kind extends ContentKind>(
  registry: Registry,
  kind: Kind,
  rows: Entry<Kind>[],
  { where, onConflict = 'fail' }: { where: SQL | undefined; onConflict?: OnConflict },
): Statement {
  const { table, key, columns } = CONTENT[kind]
  return registry.run(sql`INSERT INTO ${table} (namespace_id, ${names(columns)})
    SELECT ${metadefNamespaces.id}, ${sql.join(
      columns.map((column) => given(kind, column)),
      sql`, `,
    )}
    FROM ${metadefNamespaces}, json_each(${JSON.stringify(rows)}) r
    WHERE ${where} ORDER BY r.key
    ${conflictClause(
      onConflict,
      ['namespace_id', key],
      columns.filter((column) => column !== 'created_at' && column !== key).map(replacement),
    )}`)
}

/** Replaces the entry of a name, which may get another one. */
export function updateContent<Kind extends ContentKind>(
  registry: Registry,
  kind: Kind,
  { namespace_id, name, entry }: { namespace_id: string; name: string; entry: Entry<Kind> },
): Statement {
  const { table, key, columns } = CONTENT[kind]
  const changes = columns.map((column) => sql`${sql.identifier(column)} = ${given(kind, column)}`)
  return registry.run(sql`UPDATE ${table} SET ${sql.join(changes, sql`, `)}
    FROM json_each(${JSON.stringify([entry])}) r
    WHERE namespace_id = ${namespace_id} AND ${table}.${sql.identifier(key)} = ${name}`)
}

/** The entries of one kind, or the one of a name, in the namespaces whose ids the subselect gives. */
export function deleteContent(
  registry: Registry,
  kind: ContentKind,
  ids: SQL,
  name?: string,
): Statement {
  const { table, key } = CONTENT[kind]
  const named = name === undefined ? sql`` : sql` AND ${sql.identifier(key)} = ${name}`
  return registry.run(sql`DELETE FROM ${table} WHERE namespace_id IN (${ids})${named}`)
}

/** Whether a namespace has an entry of a name, as a condition on `metadef_namespaces`. */
export function hasContent(kind: ContentKind, name: string): SQL {
  const { table, key } = CONTENT[kind]
  return sql`EXISTS (SELECT 1 FROM ${table} c
    WHERE c.namespace_id = ${metadefNamespaces.id} AND c.${sql.identifier(key)} = ${name})`
}

/** The resource types that associations need. */
export function resourceTypesOf(
  associations: Entry<'associations'>[],
  isProtected = false,
): ResourceType[] {
  return associations.map(({ resource_type: name, created_at, updated_at }) => ({
    name,
    protected: isProtected,
    created_at,
    updated_at,
  }))
}

/** Deletes the namespaces whose ids the subselect gives, themselves last, and what they hold. Resource types stay. */
export function deleteNamespaces(registry: Registry, ids: SQL): Statement[] {
  return [
    ...CONTENT_KINDS.map((kind) => deleteContent(registry, kind, ids)),
    registry.delete(metadefNamespaces).where(sql`id IN (${ids})`),
  ]
}

/** The ids of the namespaces for which a condition holds, as a subselect. */
export function namespaceIds(where?: SQL): SQL {
  return sql`SELECT id FROM ${metadefNamespaces}${where ? sql` WHERE ${where}` : sql``}`
}

/** Makes resource types that are not there yet, or replaces those that are; nothing where no namespace meets the condition. */
export function insertResourceTypes(
  registry: Registry,
  rows: ResourceType[],
  onConflict: OnConflict,
  where?: SQL,
): Statement {
  const columns = ['name', 'protected', ...TIMES]
  const wanted = where ? sql`EXISTS (SELECT 1 FROM ${metadefNamespaces} WHERE ${where})` : sql`true`
  return registry.run(sql`INSERT INTO ${metadefResourceTypes} (${names(columns)})
    SELECT ${sql.raw(columns.map((column) => `r.value->>'$.${column}'`).join(', '))}
    FROM json_each(${JSON.stringify(rows)}) r
    WHERE ${wanted} ${conflictClause(onConflict, ['name'], columns.map(taken))}`)
}

/** A column of a row that was handed over as JSON. */
function given(kind: ContentKind, column: string): SQL {
  return CONTENT[kind].json.includes(column)
    ? sql.raw(`nullif(r.value->'$.${column}', 'null')`)
    : sql.raw(`r.value->>'$.${column}'`)
}

function conflictClause(onConflict: OnConflict, key: string[], changes: SQL[]): SQL {
  if (onConflict === 'fail') return sql``
  if (onConflict === 'keep') return sql`ON CONFLICT (${names(key)}) DO NOTHING`
  return sql`ON CONFLICT (${names(key)}) DO UPDATE SET ${sql.join(changes, sql`, `)}`
}

function taken(column: string): SQL {
  return sql.raw(`"${column}" = excluded."${column}"`)
}

/** An entry is changed when the one in its place is made. */
function replacement(column: string): SQL {
  return column === 'updated_at' ? sql`updated_at = excluded.created_at` : taken(column)
}

function names(columns: string[]): SQL {
  return sql.join(
    columns.map((column) => sql.identifier(column)),
    sql`, `,
  )
}
