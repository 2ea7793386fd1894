/** Who is uploading which image, and which chunks he needs kept, until he ends or is not heard of any more. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { blobChunks, images, uploadChunks, uploads } from '../../schema/tables.ts'
import { affectedRows, freeing, type Registry, type Statement } from '../registry/database.ts'
import { databaseTime } from '../registry/database-time.ts'
import { insertSelected } from '../registry/insert-selected.ts'
import { isCondemned } from './condemned.ts'

/** An upload whose owner has not been heard of for so long is dead. */
export const UPLOAD_LEASE_MS = 15_000

export interface Upload {
  id: string
  imageId: string
  /** The id of the store that the bytes go to. */
  store: string
}

/** As much of an upload as is needed to end it. */
export type RunningUpload = Pick<Upload, 'id' | 'imageId'>

/** Begins an upload where the image meets the condition on `images`. */
export function beginLease(
  registry: Registry,
  { id, imageId, at }: RunningUpload & { at: number },
  where: SQL | undefined,
): Statement {
  const row = { id, image_id: imageId, started_at: at, heartbeat_at: databaseTime }
  return insertSelected(registry, uploads, row, sql`FROM ${images} WHERE ${where}`)
}

/** Whether an upload is running that meets the condition on `uploads`. */
export function isRunning({ id }: RunningUpload, only?: SQL): SQL {
  return sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${and(eq(uploads.id, id), only)})`
}

/** Ends an upload that meets the condition; the chunks that it needed go from its rows with it. */
export function endLease(registry: Registry, { id }: RunningUpload, only?: SQL): Statement {
  return registry.delete(uploads).where(and(eq(uploads.id, id), only))
}

/**
 * Keeps a chunk (null: zeros) from the sweeper for as long as the upload lasts. 'busy': a sweeper is removing it
 * right now, try again soon. 'gone': the upload was ended by somebody else.
 */
export async function keepChunk(
  registry: Registry,
  upload: Upload,
  { position, digest }: { position: number; digest: string | null },
): Promise<'kept' | 'busy' | 'gone'> {
  const [kept, beat] = await registry.batch([
    insertSelected(
      registry,
      uploadChunks,
      { upload_id: upload.id, position, digest },
      sql`WHERE ${isRunning(upload)} AND NOT ${isCondemned(upload.store, digest)}`,
    ),
    registry.update(uploads).set({ heartbeat_at: databaseTime }).where(eq(uploads.id, upload.id)),
  ])
  if (affectedRows(kept) === 1) return 'kept'
  return affectedRows(beat) === 1 ? 'busy' : 'gone'
}

/** Makes the chunks of an upload those of a blob, where the condition holds. */
export function giveChunks(
  registry: Registry,
  { upload, blob }: { upload: RunningUpload; blob: string },
  where: SQL,
): Statement {
  return insertSelected(
    registry,
    blobChunks,
    { blob, position: sql`${uploadChunks.position}`, digest: sql`${uploadChunks.digest}` },
    sql`FROM ${uploadChunks} WHERE ${uploadChunks.upload_id} = ${upload.id} AND ${where}
      ON CONFLICT DO NOTHING`,
  )
}

/** Says that an upload is alive. */
export async function heartbeat(registry: Registry, { id }: RunningUpload): Promise<void> {
  await freeing(registry)
    .update(uploads)
    .set({ heartbeat_at: databaseTime })
    .where(eq(uploads.id, id))
}

/** Uploads whose process has died. */
export function deadUploads(registry: Registry): Promise<RunningUpload[]> {
  return registry
    .select({ id: uploads.id, imageId: uploads.image_id })
    .from(uploads)
    .where(isDead())
    .all()
}

export function isDead(): SQL {
  return isUnheard(uploads.heartbeat_at)
}

/**
 * Whether nothing has been heard of somebody for the length of a lease; also when it was in the future, as by a clock
 * that was set back since.
 */
export function isUnheard(heardAt: SQLiteColumn): SQL {
  return sql`abs(${heardAt} - ${databaseTime}) > ${UPLOAD_LEASE_MS}`
}
