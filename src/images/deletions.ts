import { and, asc, eq, inArray, lte, type SQL, sql } from 'drizzle-orm'
import {
  imageLocations,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  uploads,
} from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { removeLocations } from '../inventory/locations.ts'
import { announceImages } from '../registry/announcements.ts'
import { changesOne, freeing, type Registry, type Statement } from '../registry/database.ts'
import { alive } from './alive.ts'
import type { ImageStatus } from './image.ts'
import { STEPS } from './status.ts'

/** Images that are deleted for good in one batch. */
const PAGE = 100

/** How images go, and come back: each change one batch that also announces it to mirrors. */
export interface ImageDeletions {
  /** False when the image is protected, or was deleted meanwhile. */
  delete(id: string, at: number): Promise<boolean>
  /** As `delete`, but an active image keeps its data until `deletePending`, and may be restored. */
  deleteLater(id: string, at: number): Promise<boolean>
  /** Brings back an image that waits for its deletion, and returns its status; any other is refused [404, 409]. */
  restore(id: string, at: number): Promise<ImageStatus>
  /** Takes the copies in one store away from an active image; false where it has none in another. */
  removeCopies(id: string, store: string, at: number): Promise<boolean>
  /** Deletes for good the images that were deleted no later than `until`, and returns their ids. */
  deletePending(until: number): Promise<string[]>
}

export function createImageDeletions(registry: Registry): ImageDeletions {
  return {
    delete: (id, at) => deleteImage(freeing(registry), id, at),

    deleteLater: async (id, at) =>
      (await markPending(freeing(registry), id, at)) ||
      (await deleteImage(freeing(registry), id, at)),

    removeCopies: (id, store, at) => removeCopies(freeing(registry), { id, store, at }),

    restore: (id, at) => restore(registry, id, at),

    deletePending: (until) => deletePending(freeing(registry), until),
  }
}

/** Deletes the record but for its id. The bytes go when the sweeper finds that nothing needs them. */
function deleteImage(registry: Registry, id: string, at: number): Promise<boolean> {
  return changesOne(
    registry,
    announceImages(registry, deletable(id), at),
    registry
      .update(images)
      .set({ status: 'deleted', deleted_at: at, updated_at: at })
      .where(deletable(id)),
    ...eraseDeleted(registry, [id], at),
  )
}

/** False when the image is not active: others have no data to wait for, or none that anybody may read. */
function markPending(registry: Registry, id: string, at: number): Promise<boolean> {
  const { from, to } = STEPS.deleteLater
  const where = and(deletable(id), eq(images.status, from))
  return changesOne(
    registry,
    announceImages(registry, where, at),
    registry.update(images).set({ status: to, deleted_at: at, updated_at: at }).where(where),
    moveLocations(registry, id, { to: 'pending_delete', where: isPending(id) }),
  )
}

function removeCopies(
  registry: Registry,
  { id, store, at }: { id: string; store: string; at: number },
): Promise<boolean> {
  const elsewhere = sql`EXISTS (SELECT 1 FROM image_locations o WHERE o.image_id = ${id}
    AND o.status = 'active' AND o.store <> ${store})`
  const leaving = and(
    eq(imageLocations.image_id, id),
    eq(imageLocations.store, store),
    eq(imageLocations.status, 'active'),
    elsewhere,
  )
  const where = and(alive(id), elsewhere)
  return changesOne(
    registry,
    announceImages(registry, where, at),
    registry.update(images).set({ updated_at: at }).where(where),
    ...removeLocations(registry, sql`(${leaving})`, at),
  )
}

async function restore(registry: Registry, id: string, at: number): Promise<ImageStatus> {
  const data = sql`SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.image_id} = ${id} AND ${imageLocations.status} = 'pending_delete'`
  const restored = await changesOne(
    registry,
    announceImages(registry, isPending(id), at),
    registry
      .update(images)
      .set({
        status: sql`CASE WHEN EXISTS (${data}) THEN ${STEPS.restore.to} ELSE 'queued' END`,
        deleted_at: null,
        updated_at: at,
      })
      .where(isPending(id)),
    moveLocations(registry, id, {
      to: 'active',
      where: alive(id),
    }),
  )
  const image = await registry
    .select({ status: images.status })
    .from(images)
    .where(eq(images.id, id))
    .get()
  if (!image) throw new HeliostatError('not-found', `No image found with ID ${id}`)
  if (restored) return image.status
  throw new HeliostatError(
    'conflict',
    `Image ${id} is in status "${image.status}", wanted "pending_delete": there is nothing to restore`,
  )
}

async function deletePending(registry: Registry, until: number): Promise<string[]> {
  const due = and(eq(images.status, STEPS.deleteLater.to), lte(images.deleted_at, until))
  const deleted: string[] = []
  for (;;) {
    const page = await registry
      .select({ id: images.id })
      .from(images)
      .where(due)
      .orderBy(asc(images.deleted_at))
      .limit(PAGE)
    if (page.length === 0) return deleted
    const ids = page.map(({ id }) => id)
    const at = Date.now()
    const where = and(inArray(images.id, ids), due)
    const [, gone] = await registry.batch([
      announceImages(registry, where, at),
      registry
        .update(images)
        .set({ status: 'deleted', updated_at: at })
        .where(where)
        .returning({ id: images.id }),
      ...eraseDeleted(registry, ids, at),
    ])
    deleted.push(...gone.map(({ id }) => id))
  }
}

/** What goes with those of the images that are deleted by now. A blob is released when no other image has it. */
function eraseDeleted(registry: Registry, ids: string[], at: number): Statement[] {
  const gone = sql`SELECT ${images.id} FROM ${images}
    WHERE ${images.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
    AND ${images.status} = 'deleted'`
  return [
    ...removeLocations(registry, sql`${imageLocations.image_id} IN (${gone})`, at),
    registry.delete(uploads).where(sql`${uploads.image_id} IN (${gone})`),
    registry.delete(imageProperties).where(sql`${imageProperties.image_id} IN (${gone})`),
    registry.delete(imageTags).where(sql`${imageTags.image_id} IN (${gone})`),
    registry
      .update(imageMembers)
      .set({ deleted_at: at })
      .where(sql`${imageMembers.deleted_at} IS NULL AND ${imageMembers.image_id} IN (${gone})`),
  ]
}

/** Takes the locations of an image that fulfils the condition to the other status. */
function moveLocations(
  registry: Registry,
  id: string,
  { to, where }: { to: 'active' | 'pending_delete'; where: SQL | undefined },
): Statement {
  const from = to === 'active' ? 'pending_delete' : 'active'
  return registry
    .update(imageLocations)
    .set({ status: to })
    .where(
      and(
        eq(imageLocations.image_id, id),
        eq(imageLocations.status, from),
        sql`EXISTS (SELECT 1 FROM ${images} WHERE ${where})`,
      ),
    )
}

function deletable(id: string): SQL | undefined {
  return and(alive(id), eq(images.protected, false))
}

function isPending(id: string): SQL | undefined {
  return and(eq(images.id, id), eq(images.status, STEPS.restore.from))
}
