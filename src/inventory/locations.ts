/**
 * Which image has its bytes where. A blob that no image has is released: from then on its time runs, after which the sweeper
 * removes it.
 */
import { and, inArray, isNotNull, type SQL, sql } from 'drizzle-orm'
import { blobs, imageLocations, images } from '../../schema/tables.ts'
import type { Registry, Statement } from '../registry/database.ts'
import { databaseTime } from '../registry/database-time.ts'
import { insertSelected } from '../registry/insert-selected.ts'
import { loosen } from './loose-objects.ts'

/** Whether an image has the blob, as a condition on `blobs`. */
export const isUsed = sql`EXISTS (
  SELECT 1 FROM ${imageLocations} WHERE ${imageLocations.blob} = ${blobs.digest})`

/** A copy that is about to be written: `url` is null where it will be chunks. */
export interface NewCopy {
  imageId: string
  store: string
  url: string | null
  /** Null while the digests are not known yet. */
  blob: string | SQL | null
  /** What is noted with it. */
  metadata?: Readonly<Record<string, unknown>>
}

/** The locations whose bytes are there, whoever may read them. */
export const isWritten: SQL = inArray(imageLocations.status, ['active', 'staged'])

/** Begins a copy of the image that meets the condition on `images`. */
export function beginCopy(
  registry: Registry,
  { imageId, store, url, blob, metadata = {} }: NewCopy,
  { at, where }: { at: number; where: SQL | undefined },
): Statement {
  const row = {
    image_id: imageId,
    store,
    url,
    blob,
    metadata: sql`${JSON.stringify(metadata)}`,
    status: 'saving',
    created_at: at,
    updated_at: databaseTime,
  } as const
  return insertSelected(registry, imageLocations, row, sql`FROM ${images} WHERE ${where}`)
}

export interface EndedCopy {
  imageId: string
  blob: string
  status: 'active' | 'staged'
  at: number
}

/** Gives a blob to an image whose bytes have been written, where the condition holds. */
export function endCopy(
  registry: Registry,
  { imageId, blob, status, at }: EndedCopy,
  where: SQL,
): Statement[] {
  return [
    registry
      .update(imageLocations)
      .set({ status, blob, updated_at: at })
      .where(and(isSaving(imageId), where)),
    keepUsed(registry, sql`${blobs.digest} = ${blob}`),
  ]
}

/** The copies of an image that are being written, as a condition on locations. */
export function isSaving(imageId: string): SQL {
  return sql`${imageLocations.image_id} = ${imageId} AND ${imageLocations.status} = 'saving'`
}

/** Moves images to the blobs that they now have; null for none. */
export function replaceBlobs(
  registry: Registry,
  wanted: { id: string; blob: string | null }[],
  at: number,
): Statement[] {
  const list = sql`json_each(${JSON.stringify(wanted.map(({ id, blob }) => [id, blob]))}) w`
  const leaving = sql`SELECT l.id FROM ${list}
    JOIN ${imageLocations} l ON l.image_id = w.value->>0 WHERE l.blob IS NOT w.value->>1`
  const held = sql`SELECT 1 FROM ${imageLocations} l WHERE l.image_id = w.value->>0`
  const row = {
    image_id: sql`w.value->>0`,
    blob: sql`w.value->>1`,
    status: 'active',
    created_at: at,
    updated_at: at,
  } as const
  return [
    ...removeLocations(registry, sql`${imageLocations.id} IN (${leaving})`, at),
    insertSelected(
      registry,
      imageLocations,
      row,
      sql`FROM ${list} WHERE w.value->>1 IS NOT NULL AND NOT EXISTS (${held})`,
    ),
    keepUsed(registry),
  ]
}

/**
 * Removes the locations that meet the condition: blobs that no other one has are released, and objects are loose.
 */
export function removeLocations(registry: Registry, leaving: SQL, at: number): Statement[] {
  const left = sql`SELECT ${imageLocations.blob} FROM ${imageLocations} WHERE ${leaving}`
  const others = sql`SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.blob} = ${blobs.digest} AND NOT (${leaving})`
  return [
    registry
      .update(blobs)
      .set({ released_at: at })
      .where(sql`${blobs.digest} IN (${left}) AND NOT EXISTS (${others})`),
    loosen(registry, leaving),
    registry.delete(imageLocations).where(leaving),
  ]
}

/** Ends the time of those released blobs, of which `only` are looked at, that an image has again. */
export function keepUsed(registry: Registry, only?: SQL): Statement {
  return registry
    .update(blobs)
    .set({ released_at: null })
    .where(and(isNotNull(blobs.released_at), only, isUsed))
}
