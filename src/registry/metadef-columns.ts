/** A namespace of metadata definitions and what it holds, read by one select, as lists. */
import { getTableColumns, getTableName, type SQL, sql } from 'drizzle-orm'
import { metadefNamespaces } from '../../schema/tables.ts'
import { CONTENT, type ContentKind, type Contents } from './metadef-contents.ts'
import { rowBytes } from './row-bytes.ts'

// Tables and columns are spelled out as in image-columns.ts, for the same reason.
function listOf<Row>(kind: ContentKind): SQL<Row[]> {
  const { table, columns, json, order } = CONTENT[kind]
  const pairs = columns.map((column) =>
    json.includes(column) ? `'${column}', json(c.${column})` : `'${column}', c.${column}`,
  )
  return sql
    .raw(
      `(SELECT json_group_array(json_object(${pairs.join(', ')}) ORDER BY c.${order})
        FROM ${getTableName(table)} c WHERE c.namespace_id = metadef_namespaces.id)`,
    )
    .mapWith((text: string): Row[] => JSON.parse(text))
}

const associations = listOf<Contents['associations'][number]>('associations')

/** A namespace and what it is associated with, as columns of a select from `metadef_namespaces`. */
export const namespaceHead = { ...getTableColumns(metadefNamespaces), associations }

/** The whole namespace. */
export const namespaceColumns = {
  ...namespaceHead,
  properties: listOf<Contents['properties'][number]>('properties'),
  objects: listOf<Contents['objects'][number]>('objects'),
  tags: listOf<Contents['tags'][number]>('tags'),
}

/** About how long it is as JSON. */
export const namespaceBytes = sql<number>`${sql.join(
  Object.values(CONTENT).map(({ table, columns }) =>
    rowBytes(getTableName(table), columns, 'namespace_id = metadef_namespaces.id'),
  ),
  sql` + `,
)}`.mapWith(Number)
