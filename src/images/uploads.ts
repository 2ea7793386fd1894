import { and, eq, isNull, lt, type SQL, sql } from 'drizzle-orm'
import {
  blobChunks,
  blobs,
  condemnedChunks,
  imageLocations,
  images,
  uploadChunks,
  uploads,
} from '../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../blobs/manifest.ts'
import { CONDEMNED_MS } from '../blobs/sweep.ts'
import { announceImage } from '../mirror/feed.ts'
import { affectedRows, changesOne, type Registry } from '../registry/database.ts'

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

export function createUploadRepo(registry: Registry) {
  return {
    begin: (upload: Upload, at: number) => begin(registry, upload, at),
    keep: (upload: Upload, position: number, digest: string | null) =>
      keep(registry, upload, { position, digest }),
    finish: (upload: Upload, manifest: Manifest, virtualSize: number | null) =>
      finish(registry, upload, { manifest, virtualSize }),
    abort: (upload: Upload, at: number) => abort(registry, upload, at),

    async heartbeat({ id }: Upload): Promise<void> {
      await registry.update(uploads).set({ heartbeat_at: Date.now() }).where(eq(uploads.id, id))
    },

    /** Uploads whose process has died. */
    dead: (): Promise<Upload[]> =>
      registry
        .select({ id: uploads.id, imageId: uploads.image_id })
        .from(uploads)
        .where(lt(uploads.heartbeat_at, Date.now() - UPLOAD_LEASE_MS))
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

/** Makes blob, location and the active image visible at once; false when the image was deleted meanwhile. */
async function finish(
  registry: Registry,
  upload: Upload,
  { manifest, virtualSize }: { manifest: Manifest; virtualSize: number | null },
): Promise<boolean> {
  const at = Date.now()
  const blob = manifestDigest(manifest)
  const { size, checksum, hashAlgorithm, hashValue } = manifest
  const condition = sql`EXISTS (SELECT 1 FROM ${images} WHERE ${isSaving(upload)})`
  const results = await registry.batch([
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
      .where(isSaving(upload)),
    registry.delete(uploads).where(eq(uploads.id, upload.id)),
    announceImage(registry, upload.imageId, at),
  ])
  return affectedRows(results[3]) === 1
}

/** Takes the image back to queued, without any trace of data. */
async function abort(registry: Registry, upload: Upload, at: number): Promise<void> {
  await registry.batch([
    registry
      .update(images)
      .set({ ...NO_DATA, updated_at: at })
      .where(isSaving(upload)),
    registry.delete(uploads).where(eq(uploads.id, upload.id)),
    announceImage(registry, upload.imageId, at),
  ])
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
