/** What lies in which store, for those who look after stores. */
import { and, asc, eq, inArray, isNull, ne, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images } from '../../../schema/tables.ts'
import type { Registry } from '../../registry/database.ts'

/** A copy of an image in a store, whatever becomes of either. */
export interface HeldCopy {
  imageId: string
  name: string | null
  /** Bytes. */
  size: number
  /** Of the copy. */
  status: (typeof imageLocations.$inferSelect)['status']
  /** Null for chunks. */
  url: string | null
  /** Null for an object that has not been read yet. */
  blob: string | null
}

const size = sql<number>`coalesce(images.size, 0)`

export function copiesIn(registry: Registry, store: string): Promise<HeldCopy[]> {
  return registry
    .select({
      imageId: imageLocations.image_id,
      name: images.name,
      size,
      status: imageLocations.status,
      url: imageLocations.url,
      blob: imageLocations.blob,
    })
    .from(imageLocations)
    .innerJoin(images, eq(images.id, imageLocations.image_id))
    .where(and(eq(imageLocations.store, store), ne(imageLocations.status, 'deleted')))
    .orderBy(asc(imageLocations.image_id), asc(imageLocations.id))
    .all()
}

/** The copies of an image that can be read and verified, outside of one store. */
export async function copiesElsewhere(
  registry: Registry,
  imageId: string,
  store: string,
): Promise<{ store: string; url: string | null; blob: string }[]> {
  const rows = await registry
    .select({
      store: imageLocations.store,
      url: imageLocations.url,
      blob: imageLocations.blob,
    })
    .from(imageLocations)
    .where(
      and(
        eq(imageLocations.image_id, imageId),
        eq(imageLocations.status, 'active'),
        ne(imageLocations.store, store),
      ),
    )
  return rows.flatMap(({ blob, ...row }) => (blob === null ? [] : [{ ...row, blob }]))
}

/** How many images have a copy in each store, and their bytes. */
export function heldByStore(
  registry: Registry,
): Promise<{ store: string; images: number; bytes: number }[]> {
  return registry
    .select({
      store: imageLocations.store,
      images: sql<number>`count(DISTINCT image_locations.image_id)`,
      bytes: sql<number>`sum(${size})`,
    })
    .from(imageLocations)
    .innerJoin(images, eq(images.id, imageLocations.image_id))
    .where(inArray(imageLocations.status, ['active', 'staged', 'pending_delete']))
    .groupBy(imageLocations.store)
    .all()
}

/** An image that may be copied. */
export interface CopyCandidate {
  id: string
  name: string | null
  size: number
  /** Whether it lies in the store that it is to be copied to. */
  isThere: boolean
  /** Whether it lies in the store that it is to be copied from. */
  isInSource: boolean
}

/** The images that have bytes; `from` is null for any store, `ids` for all images. */
export async function candidatesFor(
  registry: Registry,
  { to, from, ids }: { to: string; from: string | null; ids: readonly string[] | null },
): Promise<CopyCandidate[]> {
  const liesIn = (store: SQL) => sql<number>`EXISTS (SELECT 1 FROM image_locations l
    WHERE l.image_id = images.id AND l.status = 'active' AND ${store})`
  const named = ids && sql`images.id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
  const rows = await registry
    .select({
      id: images.id,
      name: images.name,
      size,
      isThere: liesIn(sql`l.store = ${to}`),
      isInSource: from === null ? sql<number>`1` : liesIn(sql`l.store = ${from}`),
    })
    .from(images)
    .where(
      and(
        isNull(images.deleted_at),
        inArray(images.status, ['active', 'deactivated']),
        named ?? undefined,
      ),
    )
    .orderBy(asc(images.created_at), asc(images.id))
  return rows.map(({ isThere, isInSource, ...row }) => ({
    ...row,
    isThere: Boolean(isThere),
    isInSource: Boolean(isInSource),
  }))
}
