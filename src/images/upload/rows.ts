import { and, eq, gt, isNull, lt, not, or, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import {
  blobChunks,
  blobs,
  condemnedChunks,
  imageLocations,
  images,
  uploadChunks,
  uploads,
} from '../../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../../blobs/manifest.ts'
import { CONDEMNED_MS } from '../../inventory/sweep.ts'
import { announceImage } from '../../mirror/feed/reader.ts'
import { affectedRows, changesOne, freeing, type Registry } from '../../registry/database.ts'
import type { StorageSpace } from '../quota.ts'
import { storedBytes, usageOf } from '../usage.ts'

/** An upload whose owner has not been heard of for so long is dead. */
export const UPLOAD_LEASE_MS = 15_000

export interface Upload {
  id: string
  imageId: string
}

/** What every failed upload leaves of the image: nothing. */
const NO_DATA = {
  status: 'queued',
  size: null,
  virtual_size: null,
  checksum: null,
  os_hash_algo: null,
  os_hash_value: null,
} as const

/** The registry's side of uploads: who is writing which image, and which chunks he needs kept. */
export type UploadRepo = ReturnType<typeof createUploadRepo>

/** `quota` is the bytes that the images of one owner may take; 0 for no limit. */
export function createUploadRepo(registry: Registry, quota = 0) {
  return {
    /** Null where there is no limit. */
    async spaceOf(owner: string | null): Promise<StorageSpace | null> {
      return quota === 0 ? null : { quota, used: (await usageOf(registry, owner)).storedBytes }
    },

    begin: (upload: Upload, at: number) => begin(registry, upload, at),
    keep: (upload: Upload, position: number, digest: string | null) =>
      keep(registry, upload, { position, digest }),
    finish: (upload: Upload, manifest: Manifest, virtualSize: number | null) =>
      finish(registry, upload, { manifest, virtualSize, quota }),
    abort: (upload: Upload, at: number) => abort(freeing(registry), upload, { at }),
    /** As `abort`, unless the upload has been heard of again by now [false]. */
    abortDead: (upload: Upload, at: number) =>
      abort(freeing(registry), upload, { at, only: isDead() }),

    /** Whether the image is still there that the bytes are for. */
    async hasImage({ imageId }: Upload): Promise<boolean> {
      const there = and(eq(images.id, imageId), isNull(images.deleted_at))
      return (await registry.$count(images, there)) === 1
    },

    async heartbeat({ id }: Upload): Promise<void> {
      await freeing(registry)
        .update(uploads)
        .set({ heartbeat_at: Date.now() })
        .where(eq(uploads.id, id))
    },

    /** Uploads whose process has died. */
    dead: (): Promise<Upload[]> =>
      registry
        .select({ id: uploads.id, imageId: uploads.image_id })
        .from(uploads)
        .where(isDead())
        .all(),
  }
}

/** Takes the image from queued to saving; false when it is in any other status. */
function begin(registry: Registry, { id, imageId }: Upload, at: number): Promise<boolean> {
  const isQueued = and(
    eq(images.id, imageId),
    eq(images.status, 'queued'),
    isNull(images.deleted_at),
  )
  return changesOne(
    registry,
    registry
      .insert(uploads)
      .select(sql`SELECT ${id}, ${images.id}, ${at}, ${at} FROM ${images} WHERE ${isQueued}`),
    registry
      .update(images)
      .set({ status: 'saving', updated_at: at })
      .where(and(isQueued, exists(id))),
    announceImage(registry, imageId, at),
  )
}

/**
 * Keeps a chunk (null: zeros) from the sweeper for as long as the upload lasts. 'busy': a sweeper is removing it
 * right now, try again soon. 'gone': the upload was ended by somebody else.
 */
async function keep(
  registry: Registry,
  { id }: Upload,
  { position, digest }: { position: number; digest: string | null },
): Promise<'kept' | 'busy' | 'gone'> {
  const now = Date.now()
  const condemned = sql`EXISTS (
    SELECT 1 FROM ${condemnedChunks} WHERE ${condemnedChunks.digest} = ${digest}
    AND ${condemnedChunks.condemned_at} > ${now - CONDEMNED_MS}
  )`
  const [kept, beat] = await registry.batch([
    registry
      .insert(uploadChunks)
      .select(sql`SELECT ${id}, ${position}, ${digest} WHERE ${exists(id)} AND NOT ${condemned}`),
    registry.update(uploads).set({ heartbeat_at: now }).where(eq(uploads.id, id)),
  ])
  if (affectedRows(kept) === 1) return 'kept'
  return affectedRows(beat) === 1 ? 'busy' : 'gone'
}

interface Finished {
  manifest: Manifest
  virtualSize: number | null
  quota: number
}

/**
 * Makes the active image, its blob and its location visible at once. 'gone': it was deleted meanwhile. A space: by now
 * the image no longer fits into it, perhaps by other uploads that ended before.
 */
async function finish(
  registry: Registry,
  upload: Upload,
  { manifest, virtualSize, quota }: Finished,
): Promise<'active' | 'gone' | StorageSpace> {
  const at = Date.now()
  const { size, checksum, hashAlgorithm, hashValue } = manifest
  const used = storedBytes(sql`(SELECT o.owner FROM images o WHERE o.id = ${upload.imageId})`)
  const fits = sql`${used} + ${size} <= ${quota}`
  const [activated, [refused]] = await registry.batch([
    registry
      .update(images)
      .set({
        status: 'active',
        size,
        virtual_size: virtualSize,
        checksum,
        os_hash_algo: hashAlgorithm,
        os_hash_value: hashValue,
        updated_at: at,
      })
      .where(and(isSaving(upload), quota === 0 ? undefined : fits)),
    registry
      .select({ used: sql<number>`${used}` })
      .from(uploads)
      .where(and(eq(uploads.id, upload.id), not(isActivated(upload)))),
    ...placeBlob(registry, upload, { manifest, at }),
    announceImage(registry, upload.imageId, at),
    registry.delete(uploads).where(and(eq(uploads.id, upload.id), isActivated(upload))),
  ])
  if (affectedRows(activated) === 1) return 'active'
  return refused ? { quota, used: refused.used } : 'gone'
}

/** The blob of an upload that has made its image active, and where it belongs. */
function placeBlob(
  registry: Registry,
  upload: Upload,
  { manifest, at }: { manifest: Manifest; at: number },
): BatchItem<'sqlite'>[] {
  const blob = manifestDigest(manifest)
  const { size, checksum, hashAlgorithm, hashValue } = manifest
  const condition = isActivated(upload)
  return [
    registry
      .insert(blobs)
      .select(
        sql`SELECT ${blob}, ${size}, ${manifest.chunkSize}, ${checksum}, ${hashAlgorithm},
          ${hashValue}, ${at}, NULL WHERE ${condition}`,
      )
      .onConflictDoUpdate({ target: blobs.digest, set: { released_at: null } }),
    registry
      .insert(blobChunks)
      .select(
        sql`SELECT ${blob}, ${uploadChunks.position}, ${uploadChunks.digest} FROM ${uploadChunks}
          WHERE ${uploadChunks.upload_id} = ${upload.id} AND ${condition}`,
      )
      .onConflictDoNothing(),
    registry
      .insert(imageLocations)
      .select(
        sql`SELECT NULL, ${upload.imageId}, ${blob}, NULL, '{}', 'active', ${at}, ${at} WHERE ${condition}`,
      ),
  ]
}

/** Within the batch that ends an upload well: its image is active, and the upload not yet forgotten. */
function isActivated({ id, imageId }: Upload): SQL {
  return sql`EXISTS (SELECT 1 FROM ${images} JOIN ${uploads} ON ${uploads.image_id} = ${images.id}
    WHERE ${images.id} = ${imageId} AND ${images.status} = 'active' AND ${uploads.id} = ${id})`
}

/** Takes the image back to queued, without any trace of data. False when there is no such upload. */
async function abort(
  registry: Registry,
  upload: Upload,
  { at, only }: { at: number; only?: SQL | undefined },
): Promise<boolean> {
  const which = and(eq(uploads.id, upload.id), only)
  const [, ended] = await registry.batch([
    registry
      .update(images)
      .set({ ...NO_DATA, updated_at: at })
      .where(and(isSaving(upload), sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${which})`)),
    registry.delete(uploads).where(which),
    announceImage(registry, upload.imageId, at),
  ])
  return affectedRows(ended) === 1
}

/** Also when it was heard of in the future, as by a clock that was set back since. */
function isDead(): SQL | undefined {
  const now = Date.now()
  return or(
    lt(uploads.heartbeat_at, now - UPLOAD_LEASE_MS),
    gt(uploads.heartbeat_at, now + UPLOAD_LEASE_MS),
  )
}

function exists(uploadId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${uploads.id} = ${uploadId})`
}

/** The upload's image, as long as nobody else has ended the upload or deleted the image. */
function isSaving({ id, imageId }: Upload): SQL | undefined {
  return and(
    eq(images.id, imageId),
    eq(images.status, 'saving'),
    isNull(images.deleted_at),
    exists(id),
  )
}
