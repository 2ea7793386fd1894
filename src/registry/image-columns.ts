/**
 * What belongs to an image but lies in other tables, as columns of a select from `images` alone: one statement an
 * image or a page, also where every statement is a round trip.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { imageLocations, imageMembers } from '../../schema/tables.ts'
import { rowBytes } from './row-bytes.ts'

type Properties = Record<string, string | null>

const OF_IMAGE = 'image_id = images.id'

// Spelled out rather than built from columns: in a select of one table drizzle drops the table's name from a column,
// and a bare "id" would then mean the inner table's.
export const propertiesOf = sql<Properties>`(
  SELECT json_group_object(p.name, p.value) FROM image_properties p WHERE p.image_id = images.id
)`.mapWith(parseJson<Properties>)

// In the order in which they were added.
export const tagsOf = sql<string[]>`(
  SELECT json_group_array(t.value ORDER BY t.rowid) FROM image_tags t WHERE t.image_id = images.id
)`.mapWith(parseJson<string[]>)

export const blobOf = sql<string | null>`(
  SELECT l.blob FROM image_locations l
  WHERE l.image_id = images.id AND l.status = 'active' AND l.blob IS NOT NULL ORDER BY l.id LIMIT 1
)`

type LocationRow = Pick<
  typeof imageLocations.$inferSelect,
  'id' | 'store' | 'url' | 'blob' | 'metadata'
>

/** Those that can be read. */
export const locationsOf = sql<LocationRow[]>`(
  SELECT json_group_array(json_object(
    'id', l.id, 'store', l.store, 'url', l.url, 'blob', l.blob, 'metadata', json(l.metadata)
  ) ORDER BY l.id) FROM image_locations l WHERE l.image_id = images.id AND l.status = 'active'
)`.mapWith(parseJson<LocationRow[]>)

export const NO_LOCATIONS = sql<LocationRow[]>`'[]'`.mapWith(parseJson<LocationRow[]>)

/** Removed members too, as they keep their date. */
export const membersOf = sql<Omit<typeof imageMembers.$inferSelect, 'image_id'>[]>`(
  SELECT json_group_array(json_object(
    'member', m.member, 'status', m.status,
    'created_at', m.created_at, 'updated_at', m.updated_at, 'deleted_at', m.deleted_at
  )) FROM image_members m WHERE m.image_id = images.id
)`.mapWith(parseJson<Omit<typeof imageMembers.$inferSelect, 'image_id'>[]>)

export const propertyBytes = rowBytes('image_properties', ['name', 'value'], OF_IMAGE)
export const tagBytes = rowBytes('image_tags', ['value'], OF_IMAGE)
export const memberBytes = rowBytes('image_members', ['member', 'status'], OF_IMAGE)

/** Null where they have more bytes than that, which is found out before any is read. */
export function propertiesUpTo(most: number): SQL<Properties | null> {
  return sql<Properties | null>`CASE WHEN ${propertyBytes} <= ${most} THEN ${propertiesOf} END`.mapWith(
    parseJson<Properties | null>,
  )
}

function parseJson<T>(text: string): T {
  return JSON.parse(text)
}
