/** The registry's side of copying images from store to store. */
import { and, eq, inArray, not, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images } from '../../../schema/tables.ts'
import { HeliostatError } from '../../errors.ts'
import { hasCondemned } from '../../inventory/condemned.ts'
import { isUnheard } from '../../inventory/leases.ts'
import { beginCopy, keepUsed, removeLocations } from '../../inventory/locations.ts'
import { isBeingDeleted } from '../../inventory/loose-objects.ts'
import { announceImages } from '../../registry/announcements.ts'
import { affectedRows, freeing, type Registry } from '../../registry/database.ts'
import { databaseTime, readDatabaseTime } from '../../registry/database-time.ts'
import type { BegunCopy, CopyRows, CopyTarget } from '../../stores/copy.ts'
import { alive } from '../alive.ts'
import { storageExceeded } from '../storage-quota.ts'
import { storedBytes } from '../usage.ts'

/** `quota` is the bytes that the images of one owner may take, each of their copies counted; Infinity for no limit. */
export function createCopyRows(registry: Registry, quota = Infinity): CopyRows {
  return {
    begin: (target, at) => begin(registry, target, { quota, at }),
    isHeldUp: ({ store, blob }) => hasCondemned(registry, store, blob),

    async heartbeat({ id }) {
      const beat = await freeing(registry)
        .update(imageLocations)
        .set({ updated_at: databaseTime })
        .where(and(eq(imageLocations.id, id), eq(imageLocations.status, 'saving')))
      return affectedRows(beat) === 1
    },

    finish: (copy, at) => finish(registry, copy, at),
    remove: (id, at) => remove(freeing(registry), { id, at }),
    removeDead: (id, at) => remove(freeing(registry), { id, at, only: isDead() }),

    async hasImage(imageId) {
      return (await registry.$count(images, isAlive(imageId))) === 1
    },

    now: () => readDatabaseTime(registry),
    dead: () =>
      registry
        .select({
          id: imageLocations.id,
          imageId: imageLocations.image_id,
          store: imageLocations.store,
        })
        .from(imageLocations)
        .where(and(IS_SAVING, isDead()))
        .all(),
  }
}

/** The statuses in which an image has bytes: that of an import may have them already. */
const COPIED = ['active', 'deactivated', 'importing'] as const

function isAlive(imageId: string): SQL | undefined {
  return and(alive(imageId), inArray(images.status, COPIED))
}

/** In the words of the index, which has no other rows. */
const IS_SAVING = sql`status = 'saving'`

/** What copies are made of. */
const source = sql<string | null>`(SELECT l.blob FROM image_locations l
  WHERE l.image_id = images.id AND l.status IN ('active', 'staged') AND l.blob IS NOT NULL
  ORDER BY l.id LIMIT 1)`

/**
 * An upload has no blob before its end, and a lease of its own. The plus keeps SQLite from looking for what is being
 * saved among all that has a blob.
 */
function isDead(): SQL | undefined {
  return and(sql`+${imageLocations.blob} IS NOT NULL`, isUnheard(imageLocations.updated_at))
}

async function begin(
  registry: Registry,
  { imageId, store, url }: CopyTarget,
  { quota, at }: { quota: number; at: number },
): Promise<BegunCopy | 'there' | 'busy' | 'gone'> {
  const copy = sql<'saving' | 'staged' | 'active' | null>`(SELECT l.status FROM image_locations l
    WHERE l.image_id = images.id AND l.store = ${store} AND l.status IN ('saving', 'staged', 'active')
    ORDER BY l.status = 'saving' LIMIT 1)`
  const isBusy = url === null ? sql`false` : isBeingDeleted({ store, url })
  const used = storedBytes(sql`(SELECT o.owner FROM images o WHERE o.id = ${imageId})`)
  const fits = sql`${used} + images.size <= ${quota}`
  const where = and(
    isAlive(imageId),
    sql`${copy} IS NULL AND ${source} IS NOT NULL`,
    not(isBusy),
    quota === Infinity ? undefined : fits,
  )
  const [begun, [row], [found]] = await registry.batch([
    // From here on the copy counts against the quota.
    beginCopy(registry, { imageId, store, url, blob: source }, { at, where }),
    registry
      .select({ id: imageLocations.id, blob: imageLocations.blob })
      .from(imageLocations)
      .where(
        and(
          eq(imageLocations.image_id, imageId),
          eq(imageLocations.store, store),
          eq(imageLocations.status, 'saving'),
        ),
      ),
    registry
      .select({
        status: images.status,
        size: images.size,
        deletedAt: images.deleted_at,
        copy,
        blob: source,
        isBusy: sql<number>`${isBusy}`,
        used: sql<number>`${used}`,
      })
      .from(images)
      .where(eq(images.id, imageId)),
  ])
  if (affectedRows(begun) === 1 && row?.blob) {
    return { id: row.id, imageId, store, url, blob: row.blob }
  }
  if (!found || found.deletedAt !== null) return 'gone'
  if (!hasBytes(found.status)) throw empty(imageId, found.status)
  if (found.copy !== null) return found.copy === 'saving' ? 'busy' : 'there'
  if (found.isBusy) return 'busy'
  if (found.blob === null) throw unread(imageId)
  throw storageExceeded({ quota, used: found.used }, found.size ?? 0)
}

function hasBytes(status: string): boolean {
  return COPIED.some((copied) => copied === status)
}

function empty(imageId: string, status: string): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Image ${imageId} is in status "${status}", wanted "active" or "deactivated": there is nothing to copy`,
  )
}

function unread(imageId: string): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Image ${imageId} was registered and its bytes have not been read yet, which the service does soon: try again later`,
  )
}

async function finish(
  registry: Registry,
  { id, imageId, blob }: BegunCopy,
  at: number,
): Promise<boolean> {
  const isSaving = sql`EXISTS (SELECT 1 FROM image_locations l WHERE l.id = ${id} AND l.status = 'saving')`
  const done = and(isAlive(imageId), isSaving)
  const [, , ended] = await registry.batch([
    announceImages(registry, done, at),
    registry.update(images).set({ updated_at: at }).where(done),
    registry
      .update(imageLocations)
      .set({
        // Of an import nobody may read anything before all of it is there.
        status: sql`(SELECT CASE ${images.status} WHEN 'importing' THEN 'staged' ELSE 'active' END
          FROM ${images} WHERE ${images.id} = ${imageId})`,
        updated_at: at,
      })
      .where(
        and(
          eq(imageLocations.id, id),
          eq(imageLocations.status, 'saving'),
          sql`EXISTS (SELECT 1 FROM ${images} WHERE ${isAlive(imageId)})`,
        ),
      ),
    keepUsed(registry, sql`blobs.digest = ${blob}`),
  ])
  return affectedRows(ended) === 1
}

async function remove(
  registry: Registry,
  { id, at, only }: { id: number; at: number; only?: SQL | undefined },
): Promise<boolean> {
  const leaving = sql`(${and(eq(imageLocations.id, id), eq(imageLocations.status, 'saving'), only)})`
  const [first, ...rest] = removeLocations(registry, leaving, at)
  if (!first) return false
  const results = await registry.batch([first, ...rest])
  return affectedRows(results.at(-1)) === 1
}
