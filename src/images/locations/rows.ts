import { and, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { imageLocations, images } from '../../../schema/tables.ts'
import type { Manifest } from '../../blobs/manifest.ts'
import { removeLocations } from '../../inventory/locations.ts'
import { announceImages } from '../../registry/announcements.ts'
import { affectedRows, changesOne, freeing, type Registry } from '../../registry/database.ts'
import { databaseTime } from '../../registry/database-time.ts'
import { insertSelected } from '../../registry/insert-selected.ts'
import { alive } from '../alive.ts'
import { endReading, findUnread, type Hash, reject, type UnreadLocation } from './unread.ts'

/** Whoever reads an object tells so at least that often; after that somebody else may. */
const CLAIM_MS = 60_000

export interface NewLocation {
  store: string
  url: string
  metadata: Record<string, unknown>
  /** Bytes. */
  size: number
  /** What a client says that they are. */
  hash: Hash | null
  checksum: string | null
  /** What becomes of an image that had no data. */
  status: 'active' | 'importing'
}

/** The locations that others register. */
export interface LocationRepo {
  /** False where the image is neither queued nor active any more, or has as many as it may. */
  add(imageId: string, location: NewLocation, most: number, at: number): Promise<boolean>
  /** False where it is the only one, or gone. */
  remove(imageId: string, id: number, at: number): Promise<boolean>
  setMetadata(imageId: string, id: number, metadata: object, at: number): Promise<void>
  /** Whether another image has the object. */
  isTaken(store: string, url: string, imageId: string): Promise<boolean>
  unread(): Promise<UnreadLocation[]>
  /** The right to read it; false where somebody else does. */
  claim(id: number): Promise<boolean>
  /** Says that it is still being read. */
  touch(id: number): Promise<void>
  /** Notes what the bytes are. */
  finish(location: UnreadLocation, manifest: Manifest, at: number): Promise<void>
  /** Removes a location whose bytes are not what they should be. An image without another one is queued again. */
  reject(location: UnreadLocation, at: number): Promise<void>
}

export function createLocationRepo(registry: Registry): LocationRepo {
  const isActive = eq(imageLocations.status, 'active')
  return {
    add: (imageId, location, most, at) => add(registry, { imageId, location, most, at }),
    remove: (imageId, id, at) => remove(freeing(registry), { imageId, id, at }),

    async setMetadata(imageId, id, metadata, at) {
      await registry.batch([
        announceImages(registry, alive(imageId), at),
        registry.update(images).set({ updated_at: at }).where(alive(imageId)),
        registry
          .update(imageLocations)
          .set({ metadata: { ...metadata }, updated_at: at })
          .where(and(eq(imageLocations.id, id), eq(imageLocations.image_id, imageId), isActive)),
      ])
    },

    async isTaken(store, url, imageId) {
      const found = await registry
        .select({ id: imageLocations.id })
        .from(imageLocations)
        .where(
          and(
            eq(imageLocations.store, store),
            eq(imageLocations.url, url),
            sql`${imageLocations.image_id} <> ${imageId}`,
          ),
        )
        .limit(1)
      return found.length > 0
    },

    unread: () => findUnread(registry),

    async claim(id) {
      const isFree = or(
        eq(imageLocations.updated_at, imageLocations.created_at),
        lt(imageLocations.updated_at, sql`${databaseTime} - ${CLAIM_MS}`),
      )
      const claimed = await registry
        .update(imageLocations)
        .set({ updated_at: databaseTime })
        .where(and(eq(imageLocations.id, id), isNull(imageLocations.blob), isFree))
      return affectedRows(claimed) === 1
    },

    async touch(id) {
      await registry
        .update(imageLocations)
        .set({ updated_at: databaseTime })
        .where(eq(imageLocations.id, id))
    },

    finish: (location, manifest, at) => endReading(registry, location, { manifest, at }),
    reject: (location, at) => reject(freeing(registry), location, at),
  }
}

interface Addition {
  imageId: string
  location: NewLocation
  most: number
  at: number
}

function add(registry: Registry, { imageId, location, most, at }: Addition): Promise<boolean> {
  const { store, url, metadata, size, hash, checksum, status } = location
  const count = sql`(SELECT count(*) FROM image_locations l
    WHERE l.image_id = ${imageId} AND l.status = 'active')`
  const takes = and(alive(imageId), inArray(images.status, ['queued', 'active']))
  const isAdded = sql`EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = ${imageId}
    AND l.store = ${store} AND l.url = ${url} AND l.created_at = ${at})`
  const row = {
    image_id: imageId,
    store,
    url,
    status: 'active',
    created_at: at,
    updated_at: at,
  } as const
  return changesOne(
    registry,
    insertSelected(
      registry,
      imageLocations,
      { ...row, metadata: sql`${JSON.stringify(metadata)}` },
      sql`FROM ${images} WHERE ${and(takes, sql`${count} < ${most}`)}`,
    ),
    announceImages(registry, and(takes, isAdded), at),
    registry
      .update(images)
      .set({
        size,
        updated_at: at,
        status: sql`CASE ${images.status} WHEN 'queued' THEN ${status} ELSE ${images.status} END`,
        ...(hash && { os_hash_algo: hash.algorithm, os_hash_value: hash.value }),
        ...(checksum !== null && { checksum }),
      })
      .where(and(takes, isAdded)),
  )
}

function remove(
  registry: Registry,
  { imageId, id, at }: { imageId: string; id: number; at: number },
): Promise<boolean> {
  const others = sql`EXISTS (SELECT 1 FROM image_locations o
    WHERE o.image_id = ${imageId} AND o.status = 'active' AND o.id <> ${id})`
  const where = and(alive(imageId), others)
  const leaving = sql`(${and(eq(imageLocations.id, id), eq(imageLocations.image_id, imageId), others)})`
  return changesOne(
    registry,
    announceImages(registry, where, at),
    registry.update(images).set({ updated_at: at }).where(where),
    ...removeLocations(registry, leaving, at),
  )
}
