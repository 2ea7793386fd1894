/** Where a page of records ends: by their number, or by their bytes, since an edge takes no document of any size. */
import { inArray, type SQL, sql } from 'drizzle-orm'
import { images, metadefNamespaces } from '../../../schema/tables.ts'
import type { Registry } from '../../registry/database.ts'
import { memberBytes, propertyBytes, tagBytes } from '../../registry/image-columns.ts'
import { namespaceBytes } from '../../registry/metadef-columns.ts'

export const PAGE_ROWS = 500
/** A page ends with the record that reaches this. */
const PAGE_BYTES = 8 << 20

/** What may be long of a record. */
const imageBytes = sql<number>`${propertyBytes} + ${tagBytes} + ${memberBytes}`.mapWith(Number)

/** The id of the last image of the page that comes after another id. */
export function lastOfPage(afterId: string): SQL {
  const rows = sql`SELECT id, ${imageBytes} AS bytes FROM ${images} WHERE id > ${afterId}
    ORDER BY id LIMIT ${PAGE_ROWS}`
  const sums = sql`SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM (${rows})`
  return sql`(SELECT max(id) FROM (${sums}) WHERE before < ${PAGE_BYTES})`
}

/** As many of the first rows of the feed as make a page with the records that they name. */
export async function firstPage<Row extends { kind: string; id: string }>(
  registry: Registry,
  rows: Row[],
): Promise<Row[]> {
  const sizes = await readSizes(registry, rows)
  let bytes = 0
  const end = rows.findIndex(({ id }) => {
    const isFull = bytes >= PAGE_BYTES
    bytes += sizes.get(id) ?? 0
    return isFull
  })
  return end === -1 ? rows : rows.slice(0, end)
}

async function readSizes(
  registry: Registry,
  rows: { kind: string; id: string }[],
): Promise<Map<string, number>> {
  const idsOf = (wanted: string) => rows.filter(({ kind }) => kind === wanted).map(({ id }) => id)
  const ofImages = registry
    .select({ id: images.id, bytes: imageBytes })
    .from(images)
    .where(inArray(images.id, idsOf('image')))
  const ofNamespaces = registry
    .select({ id: metadefNamespaces.id, bytes: namespaceBytes })
    .from(metadefNamespaces)
    .where(inArray(metadefNamespaces.id, idsOf('metadef_namespace')))
  const found = await Promise.all([ofImages, ofNamespaces])
  return new Map(found.flat().map(({ id, bytes }) => [id, bytes]))
}
