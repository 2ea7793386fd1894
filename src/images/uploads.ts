import { and, eq, isNull, lt, sql } from 'drizzle-orm'
import { condemnedChunks, images, uploadChunks, uploads } from '../../schema/tables.ts'
import { blobChunks, blobs, imageLocations } from '../../schema/tables.ts'
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
  const exists = (id: string) => sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${uploads.id} = ${id})`

  const saving = (upload: Upload) =>
    and(
      eq(images.id, upload.imageId),
      eq(images.status, 'saving'),
      isNull(images.deleted_at),
      exists(upload.id),
    )

  const isSaving = (upload: Upload) => sql`EXISTS (SELECT 1 FROM ${images} WHERE ${saving(upload)})`

  return {
    /** Takes the image from queued to saving; false when it is in any other status. */
    async begin(upload: Upload, at: number): Promise<boolean> {
      const { id, imageId } = upload
      return changesOne(
        registry,
        registry.insert(uploads).select(
          sql`SELECT ${id}, ${images.id}, ${at}, ${at} FROM ${images}
            WHERE ${images.id} = ${imageId} AND ${images.status} = 'queued' AND ${images.deleted_at} IS NULL`,
        ),
        registry
          .update(images)
          .set({ status: 'saving', updated_at: at })
          .where(and(eq(images.id, imageId), eq(images.status, 'queued'), exists(id))),
        announceImage(registry, imageId, at),
      )
    },

    /**
     * Keeps a chunk (null: zeros) from the sweeper for as long as the upload lasts. 'busy': a sweeper is removing
     * it right now, try again soon. 'gone': the upload was ended by somebody else.
     */
    async keep(
      upload: Upload,
      position: number,
      digest: string | null,
    ): Promise<'kept' | 'busy' | 'gone'> {
      const now = Date.now()
      const condemned = sql`EXISTS (SELECT 1 FROM ${condemnedChunks}
        WHERE ${condemnedChunks.digest} = ${digest} AND ${condemnedChunks.condemned_at} > ${now - CONDEMNED_MS})`
      const [kept, beat] = await registry.batch([
        registry
          .insert(uploadChunks)
          .select(
            sql`SELECT ${upload.id}, ${position}, ${digest} WHERE ${exists(upload.id)} AND NOT ${condemned}`,
          ),
        registry.update(uploads).set({ heartbeat_at: now }).where(eq(uploads.id, upload.id)),
      ])
      if (affectedRows(kept) === 1) return 'kept'
      return affectedRows(beat) === 1 ? 'busy' : 'gone'
    },

    async heartbeat(upload: Upload): Promise<void> {
      await registry
        .update(uploads)
        .set({ heartbeat_at: Date.now() })
        .where(eq(uploads.id, upload.id))
    },

    /** Makes blob, location and the active image visible at once; false when the image was deleted meanwhile. */
    async finish(upload: Upload, manifest: Manifest, virtualSize: number | null): Promise<boolean> {
      const at = Date.now()
      const blob = manifestDigest(manifest)
      const { size, checksum, hashAlgorithm, hashValue } = manifest
      const results = await registry.batch([
        insertBlob(registry, blob, manifest, at, isSaving(upload)),
        registry
          .insert(blobChunks)
          .select(
            sql`SELECT ${blob}, ${uploadChunks.position}, ${uploadChunks.digest} FROM ${uploadChunks}
              WHERE ${uploadChunks.upload_id} = ${upload.id} AND ${isSaving(upload)}`,
          )
          .onConflictDoNothing(),
        registry
          .insert(imageLocations)
          .select(
            sql`SELECT NULL, ${upload.imageId}, ${blob}, NULL, '{}', 'active', ${at}, ${at} WHERE ${isSaving(upload)}`,
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
          .where(saving(upload)),
        registry.delete(uploads).where(eq(uploads.id, upload.id)),
        announceImage(registry, upload.imageId, at),
      ])
      return affectedRows(results[3]) === 1
    },

    /** Takes the image back to queued, without any trace of data. */
    async abort(upload: Upload, at: number): Promise<void> {
      await registry.batch([
        registry
          .update(images)
          .set({ ...NO_DATA, updated_at: at })
          .where(saving(upload)),
        registry.delete(uploads).where(eq(uploads.id, upload.id)),
        announceImage(registry, upload.imageId, at),
      ])
    },

    /** Uploads whose process has died. */
    async dead(): Promise<Upload[]> {
      return registry
        .select({ id: uploads.id, imageId: uploads.image_id })
        .from(uploads)
        .where(lt(uploads.heartbeat_at, Date.now() - UPLOAD_LEASE_MS))
        .all()
    },
  }
}

function insertBlob(
  registry: Registry,
  digest: string,
  manifest: Manifest,
  at: number,
  condition: ReturnType<typeof sql>,
) {
  const { size, chunkSize, checksum, hashAlgorithm, hashValue } = manifest
  return registry
    .insert(blobs)
    .select(
      sql`SELECT ${digest}, ${size}, ${chunkSize}, ${checksum}, ${hashAlgorithm}, ${hashValue}, ${at}, NULL WHERE ${condition}`,
    )
    .onConflictDoUpdate({ target: blobs.digest, set: { released_at: null } })
}
