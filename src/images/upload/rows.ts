import { and, eq, not, type SQL, sql } from 'drizzle-orm'
import { images, uploads } from '../../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../../blobs/manifest.ts'
import { insertBlob } from '../../inventory/blobs.ts'
import {
  beginLease,
  deadUploads,
  endLease,
  giveChunks,
  heartbeat,
  isDead,
  isRunning,
  keepChunk,
  type RunningUpload,
  type Upload,
} from '../../inventory/leases.ts'
import {
  beginCopy,
  endCopy,
  isSaving as isSavingCopy,
  removeLocations,
} from '../../inventory/locations.ts'
import { isBeingDeleted } from '../../inventory/loose-objects.ts'
import { announceImages } from '../../registry/announcements.ts'
import { affectedRows, freeing, type Registry } from '../../registry/database.ts'
import { readDatabaseTime } from '../../registry/database-time.ts'
import { alive } from '../alive.ts'
import { NO_DATA } from '../no-data.ts'
import type { StorageSpace } from '../storage-quota.ts'
import { STEPS } from '../status.ts'
import { spaceFor, storedBytes } from '../usage.ts'

/** The registry's side of uploads: what they make of their images. */
export interface UploadRepo {
  /** Null where there is no limit. */
  spaceOf(owner: string | null): Promise<StorageSpace | null>
  /**
   * Takes the image from queued to saving, and notes where its bytes go; `url` is null for chunks. 'busy': what was there
   * before is being deleted, try again soon. 'refused': the image is in any other status.
   */
  begin(upload: Upload, url: string | null, at: number): Promise<'begun' | 'busy' | 'refused'>
  /** See `keepChunk`. */
  keep(upload: Upload, position: number, digest: string | null): Promise<'kept' | 'busy' | 'gone'>
  /**
   * Makes the active image, its blob and its location visible at once. 'gone': it was deleted meanwhile. A space: by
   * now the image no longer fits into it, perhaps by other uploads that ended before.
   */
  finish(
    upload: Upload,
    manifest: Manifest,
    virtualSize: number | null,
  ): Promise<'active' | 'gone' | StorageSpace>
  /** Takes the image back to queued, without any trace of data. False when there is no such upload. */
  abort(upload: RunningUpload, at: number): Promise<boolean>
  /** As `abort`, unless the upload has been heard of again by now [false]. */
  abortDead(upload: RunningUpload, at: number): Promise<boolean>
  /** Whether the image is still there that the bytes are for. */
  hasImage(upload: Upload): Promise<boolean>
  heartbeat(upload: RunningUpload): Promise<void>
  /** The time by which uploads are dead, in milliseconds. */
  now(): Promise<number>
  /** Uploads whose process has died. */
  dead(): Promise<RunningUpload[]>
}

/** `quota` is the bytes that the images of one owner may take; Infinity for no limit. */
export function createUploadRepo(registry: Registry, quota = Infinity): UploadRepo {
  return {
    spaceOf: (owner) => spaceFor(registry, owner, quota),

    begin: (upload, url, at) => begin(registry, upload, { url, at }),
    keep: (upload, position, digest) => keepChunk(registry, upload, { position, digest }),
    finish: (upload, manifest, virtualSize) =>
      finish(registry, upload, { manifest, virtualSize, quota }),
    abort: (upload, at) => abort(freeing(registry), upload, { at }),
    abortDead: (upload, at) => abort(freeing(registry), upload, { at, only: isDead() }),

    async hasImage({ imageId }) {
      return (await registry.$count(images, alive(imageId))) === 1
    },

    heartbeat: (upload) => heartbeat(registry, upload),
    now: () => readDatabaseTime(registry),
    dead: () => deadUploads(registry),
  }
}

async function begin(
  registry: Registry,
  upload: Upload,
  { url, at }: { url: string | null; at: number },
): Promise<'begun' | 'busy' | 'refused'> {
  const { from, to } = STEPS.beginUpload
  const { imageId, store } = upload
  const isBusy = url === null ? sql`false` : isBeingDeleted({ store, url })
  const isQueued = and(alive(imageId), eq(images.status, from), not(isBusy))
  const [begun, , , , [waiting]] = await registry.batch([
    announceImages(registry, isQueued, at),
    beginLease(registry, { ...upload, at }, isQueued),
    beginCopy(registry, { imageId, store, url, blob: null }, { at, where: isQueued }),
    registry.update(images).set({ status: to, updated_at: at }).where(isQueued),
    registry
      .select({ isBusy: sql<number>`${isBusy}` })
      .from(images)
      .where(eq(images.id, imageId)),
  ])
  if (affectedRows(begun) === 1) return 'begun'
  return waiting?.isBusy ? 'busy' : 'refused'
}

interface Finished {
  manifest: Manifest
  virtualSize: number | null
  quota: number
}

async function finish(
  registry: Registry,
  upload: Upload,
  { manifest, virtualSize, quota }: Finished,
): Promise<'active' | 'gone' | StorageSpace> {
  const at = Date.now()
  const { size, checksum, hashAlgorithm, hashValue } = manifest
  const used = storedBytes(sql`(SELECT o.owner FROM images o WHERE o.id = ${upload.imageId})`)
  const fits = sql`${used} + ${size} <= ${quota}`
  const blob = manifestDigest(manifest)
  const done = isActivated(upload)
  const [activated, [refused]] = await registry.batch([
    registry
      .update(images)
      .set({
        status: STEPS.endUpload.to,
        size,
        virtual_size: virtualSize,
        checksum,
        os_hash_algo: hashAlgorithm,
        os_hash_value: hashValue,
        updated_at: at,
      })
      .where(and(isSaving(upload), quota === Infinity ? undefined : fits)),
    registry
      .select({ used: sql<number>`${used}` })
      .from(uploads)
      .where(and(eq(uploads.id, upload.id), not(done))),
    insertBlob(registry, { digest: blob, manifest, at }, done),
    giveChunks(registry, { upload, blob }, done),
    ...endCopy(registry, { imageId: upload.imageId, blob, at }, done),
    announceImages(registry, and(eq(images.id, upload.imageId), done), at),
    endLease(registry, upload, done),
  ])
  if (affectedRows(activated) === 1) return 'active'
  return refused ? { quota, used: refused.used } : 'gone'
}

/** Within the batch that ends an upload well: its image is active, and the upload not yet forgotten. */
function isActivated(upload: RunningUpload): SQL {
  return sql`(EXISTS (SELECT 1 FROM ${images} WHERE ${images.id} = ${upload.imageId}
    AND ${images.status} = ${STEPS.endUpload.to}) AND ${isRunning(upload)})`
}

async function abort(
  registry: Registry,
  upload: RunningUpload,
  { at, only }: { at: number; only?: SQL | undefined },
): Promise<boolean> {
  const where = isSaving(upload, only)
  const leaving = sql`(${isSavingCopy(upload.imageId)} AND ${isRunning(upload, only)})`
  const results = await registry.batch([
    announceImages(registry, where, at),
    registry
      .update(images)
      .set({ status: STEPS.abortUpload.to, ...NO_DATA, updated_at: at })
      .where(where),
    ...removeLocations(registry, leaving, at),
    endLease(registry, upload, only),
  ])
  return affectedRows(results.at(-1)) === 1
}

/** The upload's image, as long as nobody else has ended the upload, of which `only` holds, or deleted the image. */
function isSaving(upload: RunningUpload, only?: SQL): SQL | undefined {
  return and(
    alive(upload.imageId),
    eq(images.status, STEPS.endUpload.from),
    isRunning(upload, only),
  )
}
