/** Objects that were registered, until their bytes have been read. */
import { and, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images } from '../../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../../blobs/manifest.ts'
import { insertManifest } from '../../inventory/blobs.ts'
import { keepUsed, removeLocations } from '../../inventory/locations.ts'
import { announceImages } from '../../registry/announcements.ts'
import type { Registry } from '../../registry/database.ts'
import { alive } from '../alive.ts'
import { NO_DATA } from '../no-data.ts'
import { STEPS } from '../status.ts'

/** What the bytes of an image are to be hashed to. */
export interface Hash {
  algorithm: string
  value: string
}

/** An object that has been registered, and whose bytes have not been read. */
export interface UnreadLocation {
  id: number
  imageId: string
  store: string
  url: string
  /** What its bytes have to be; null where nobody has said. */
  hash: Hash | null
  /** The blob that other copies of the image have; null where there is none. */
  blob: string | null
  /** Whether the image becomes active only by what is read. */
  isAwaited: boolean
}

export async function findUnread(registry: Registry): Promise<UnreadLocation[]> {
  const rows = await registry
    .select({
      id: imageLocations.id,
      imageId: imageLocations.image_id,
      store: imageLocations.store,
      url: imageLocations.url,
      algorithm: images.os_hash_algo,
      value: images.os_hash_value,
      status: images.status,
      blob: sql<string | null>`(SELECT o.blob FROM image_locations o
        WHERE o.image_id = ${images.id} AND o.status = 'active' AND o.blob IS NOT NULL LIMIT 1)`,
    })
    .from(imageLocations)
    .innerJoin(images, eq(images.id, imageLocations.image_id))
    .where(
      and(
        eq(imageLocations.status, 'active'),
        isNull(imageLocations.blob),
        isNotNull(imageLocations.url),
        isNull(images.deleted_at),
      ),
    )
  return rows.map(({ algorithm, value, url, status, ...row }) => ({
    ...row,
    url: url ?? '',
    isAwaited: status === 'importing',
    hash: algorithm !== null && value !== null ? { algorithm, value } : null,
  }))
}

/** The location as it was when the reading began. */
function isStillUnread({ id, url }: UnreadLocation): SQL | undefined {
  return and(eq(imageLocations.id, id), eq(imageLocations.url, url), isNull(imageLocations.blob))
}

export async function endReading(
  registry: Registry,
  location: UnreadLocation,
  { manifest, at }: { manifest: Manifest; at: number },
): Promise<void> {
  const { imageId, id, hash } = location
  const blob = manifestDigest(manifest)
  const { size, checksum, hashAlgorithm, hashValue } = manifest
  const isRead = sql`EXISTS (SELECT 1 FROM image_locations l WHERE l.id = ${id} AND l.blob = ${blob})`
  const where = and(alive(imageId), isRead)
  await registry.batch([
    ...insertManifest(registry, blob, manifest, at),
    registry.update(imageLocations).set({ blob, updated_at: at }).where(isStillUnread(location)),
    registry
      .update(images)
      .set({
        size,
        checksum,
        ...(hash === null && { os_hash_algo: hashAlgorithm, os_hash_value: hashValue }),
        status: sql`CASE ${images.status} WHEN 'importing' THEN 'active' ELSE ${images.status} END`,
        // What was known before is no change.
        updated_at:
          hash === null
            ? at
            : sql`CASE ${images.status} WHEN 'importing' THEN ${at} ELSE ${images.updated_at} END`,
      })
      .where(where),
    keepUsed(registry, sql`blobs.digest = ${blob}`),
    announceImages(registry, where, at),
  ])
}

export async function reject(
  registry: Registry,
  location: UnreadLocation,
  at: number,
): Promise<void> {
  const { imageId, id } = location
  const others = sql`EXISTS (SELECT 1 FROM image_locations o
    WHERE o.image_id = ${imageId} AND o.status = 'active' AND o.id <> ${id})`
  await registry.batch([
    announceImages(registry, alive(imageId), at),
    registry
      .update(images)
      .set({ status: STEPS.abortImport.to, ...NO_DATA, updated_at: at })
      .where(and(alive(imageId), sql`NOT ${others}`)),
    ...removeLocations(registry, sql`(${isStillUnread(location)})`, at),
  ])
}
