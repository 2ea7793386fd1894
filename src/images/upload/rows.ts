import { and, eq, inArray, not, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images, uploads } from '../../../schema/tables.ts'
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
import { affectedRows, freeing, type Registry, type Statement } from '../../registry/database.ts'
import { readDatabaseTime } from '../../registry/database-time.ts'
import { alive } from '../alive.ts'
import type { ImageStatus } from '../image.ts'
import { NO_DATA } from '../no-data.ts'
import type { StorageSpace } from '../storage-quota.ts'
import { BROKEN_OFF, type Intake, INTAKES } from '../status.ts'
import { spaceFor, storedBytes } from '../usage.ts'

/** The registry's side of uploads: what they make of their images. */
export interface UploadRepo {
  /** Null where there is no limit. */
  spaceOf(owner: string | null): Promise<StorageSpace | null>
  /**
   * Takes the image into the status that it has meanwhile (`INTAKES`), and notes where its bytes go; `url` is null for
   * chunks. 'busy': what was there before is being deleted, or a dead process was at it, try again soon. 'refused': the
   * image is in any other status.
   */
  begin(upload: NewUpload, at: number): Promise<'begun' | 'busy' | 'refused'>
  /** See `keepChunk`. */
  keep(upload: Upload, position: number, digest: string | null): Promise<'kept' | 'busy' | 'gone'>
  /**
   * Makes what has come in visible at once: the active image, its blob and its location; or what is staged, of which
   * the image tells but its size. 'gone': the image was deleted meanwhile. A space: by now the image no longer fits into
   * it, perhaps by other uploads that ended before.
   */
  finish(upload: NewUpload, taken: Taken): Promise<'done' | 'gone' | StorageSpace>
  /**
   * Takes the image back to queued, without any trace of data; one that is imported stays so. False when there is no
   * such upload.
   */
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

export interface NewUpload extends Upload {
  /** Null for chunks. */
  url: string | null
  intake: Intake
  /** What is noted with the copy. */
  metadata: Readonly<Record<string, unknown>>
}

/** What has come in. */
export interface Taken {
  manifest: Manifest
  virtualSize: number | null
}

/** What an image is once its bytes are there, where that is not simply active from now on. */
export interface Ending {
  status?: ImageStatus
  updated_at?: number
}

/** `quota` is the bytes that the images of one owner may take; Infinity for no limit. */
export function createUploadRepo(
  registry: Registry,
  quota = Infinity,
  ending: Ending = {},
): UploadRepo {
  return {
    spaceOf: (owner) => spaceFor(registry, owner, quota),

    begin: (upload, at) => begin(registry, upload, at),
    keep: (upload, position, digest) => keepChunk(registry, upload, { position, digest }),
    finish: (upload, taken) => finish(registry, upload, { ...taken, quota, ending }),
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
  upload: NewUpload,
  at: number,
): Promise<'begun' | 'busy' | 'refused'> {
  const { imageId, store, url, intake, metadata } = upload
  const { from, during } = INTAKES[intake]
  const left = sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${uploads.image_id} = ${imageId})`
  const isBusy = url === null ? left : sql`(${left} OR ${isBeingDeleted({ store, url })})`
  const isFree = and(alive(imageId), eq(images.status, from), not(isBusy))
  const begun = isRunning(upload)
  const where = and(alive(imageId), begun)
  const [lease, , , , [found]] = await registry.batch([
    beginLease(registry, { ...upload, at }, isFree),
    announceImages(registry, where, at),
    beginCopy(registry, { imageId, store, url, blob: null, metadata }, { at, where }),
    registry.update(images).set({ status: during, updated_at: at }).where(where),
    registry
      .select({ status: images.status, isBusy: sql<number>`${isBusy}` })
      .from(images)
      .where(alive(imageId)),
  ])
  if (affectedRows(lease) === 1) return 'begun'
  return found?.status === from && found.isBusy ? 'busy' : 'refused'
}

async function finish(
  registry: Registry,
  upload: NewUpload,
  { manifest, virtualSize, quota, ending }: Taken & { quota: number; ending: Ending },
): Promise<'done' | 'gone' | StorageSpace> {
  const at = Date.now()
  const { imageId, intake } = upload
  const { to, copy } = INTAKES[intake]
  const blob = manifestDigest(manifest)
  const used = storedBytes(sql`(SELECT o.owner FROM images o WHERE o.id = ${imageId})`)
  const fits = quota === Infinity ? undefined : sql`${used} + ${manifest.size} <= ${quota}`
  const done = isRunning(upload, eq(uploads.blob, blob))
  const record = {
    size: manifest.size,
    virtual_size: virtualSize,
    ...(copy === 'active' && digestsOf(manifest)),
  }
  const [ended, [refused]] = await registry.batch([
    registry
      .update(uploads)
      .set({ blob })
      .where(and(eq(uploads.id, upload.id), hasImage(upload), fits)),
    registry
      .select({ used: sql<number>`${used}` })
      .from(uploads)
      .where(and(eq(uploads.id, upload.id), not(done))),
    insertBlob(registry, { digest: blob, manifest, at }, done),
    giveChunks(registry, { upload, blob }, done),
    ...(intake === 'import' ? replaceStaged(registry, imageId, { done, at }) : []),
    ...endCopy(registry, { imageId, blob, status: copy, at }, done),
    registry
      .update(images)
      .set({ status: to, ...record, updated_at: at, ...ending })
      .where(and(alive(imageId), done)),
    announceImages(registry, and(eq(images.id, imageId), done), at),
    endLease(registry, upload, done),
  ])
  if (affectedRows(ended) === 1) return 'done'
  return refused ? { quota, used: refused.used } : 'gone'
}

function digestsOf({ checksum, hashAlgorithm, hashValue }: Manifest) {
  return { checksum, os_hash_algo: hashAlgorithm, os_hash_value: hashValue }
}

/** Whether the upload's image is still there and in the status that it has meanwhile. */
function hasImage({ imageId, intake }: NewUpload): SQL {
  return sql`EXISTS (SELECT 1 FROM ${images}
    WHERE ${and(alive(imageId), eq(images.status, INTAKES[intake].during))})`
}

/** What was staged before is replaced by what an import has made of it. */
function replaceStaged(
  registry: Registry,
  imageId: string,
  { done, at }: { done: SQL; at: number },
): Statement[] {
  const leaving = and(
    eq(imageLocations.image_id, imageId),
    eq(imageLocations.status, 'staged'),
    done,
  )
  return removeLocations(registry, sql`(${leaving})`, at)
}

async function abort(
  registry: Registry,
  upload: RunningUpload,
  { at, only }: { at: number; only?: SQL | undefined },
): Promise<boolean> {
  const running = isRunning(upload, only)
  const where = and(alive(upload.imageId), inArray(images.status, BROKEN_OFF), running)
  const leaving = sql`(${isSavingCopy(upload.imageId)} AND ${running})`
  const results = await registry.batch([
    announceImages(registry, where, at),
    registry
      .update(images)
      .set({ status: 'queued', ...NO_DATA, updated_at: at })
      .where(where),
    ...removeLocations(registry, leaving, at),
    endLease(registry, upload, only),
  ])
  return affectedRows(results.at(-1)) === 1
}
