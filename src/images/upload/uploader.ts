import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../../errors.ts'
import { type RunningUpload, UPLOAD_LEASE_MS } from '../../inventory/leases.ts'
import type { Sweeper } from '../../inventory/sweep.ts'
import { reasonOf } from '../../reason.ts'
import type { LooseObjects } from '../../stores/loose.ts'
import { openSink, urlFor } from '../../stores/sink.ts'
import type { Store } from '../../stores/store.ts'
import type { Image } from '../image.ts'
import type { ProjectLimits } from '../project-limits.ts'
import type { SignatureVerifiers } from '../signatures/verifier.ts'
import { type Intake, INTAKES, requireFormats } from '../status.ts'
import { createClockWatch } from '../../clock-watch.ts'
import { inspectorFor, type InspectionOptions } from './inspection.ts'
import type { NewUpload, UploadRepo } from './rows.ts'
import { refuseSize, sizeCap } from './size.ts'
import { type DataParts, type Progress, takeIn } from './take-in.ts'

/** How soon it is looked again whether an object has gone that is in the way. */
const RETRY_BUSY_MS = 200

const log = getLogger(['heliostat', 'upload'])

export interface UploadParts extends DataParts {
  uploads: UploadRepo
  sweeper: Pick<Sweeper, 'discard'>
  looseObjects: LooseObjects
  limits: Pick<ProjectLimits, 'refuseMore'>
  signatures: SignatureVerifiers
  options: DataParts['options'] & InspectionOptions
}

export interface UploadRequest {
  intake: Intake
  /** Bytes; null when nobody has said. Of what is staged it is only a hint. */
  expectedSize: number | null
  /** The project that uploads. Its limits count, not those of the image's owner. */
  projectId: string | null
  /** Of the caller, to ask for the certificate of a signature with; null where there is none, or none is needed. */
  token: string | null
  /** Where the bytes go. */
  store: Store
  /** What is noted with them there. */
  metadata?: Readonly<Record<string, unknown>>
}

/** Takes images' bytes in: cut, digested and stored in one pass, with at most two chunks in memory. */
export interface Uploader {
  /**
   * Resolves when all is there; otherwise nothing of the bytes is left, and the image is queued again unless it is
   * imported. The body is taken only once nothing but its content can be refused.
   */
  upload(
    image: Image,
    takeBody: () => ReadableStream<Uint8Array>,
    request: UploadRequest,
  ): Promise<void>
  /** Ends the uploads of processes that have died: their images become queued again. */
  recover(): Promise<void>
}

export function createUploader(parts: UploadParts): Uploader {
  const { uploads, looseObjects } = parts
  const running = new Set<NewUpload>()
  const clock = createClockWatch(UPLOAD_LEASE_MS, uploads.now)

  return {
    async upload(image, takeBody, request) {
      const { intake, store, metadata = {} } = request
      if (intake === 'upload') requireFormats(image)
      const url = await urlFor(store, image.id)
      const place = { store: store.id, url, metadata }
      const upload = { id: crypto.randomUUID(), imageId: image.id, intake, ...place }
      await begin(uploads, upload, image)
      running.add(upload)
      const beat = setInterval(
        () => void uploads.heartbeat(upload).catch(() => undefined),
        UPLOAD_LEASE_MS / 4,
      )
      const progress = newProgress(upload, image, { ...parts.options, store })
      try {
        await admit(parts, progress, request)
        await takeInto(parts, progress, { store, takeBody })
      } catch (error) {
        await clearAway(parts, progress, error)
        throw error
      } finally {
        clearInterval(beat)
        running.delete(upload)
      }
    },

    async recover() {
      // After a suspend this process may come here before its own heartbeats do.
      await Promise.all([...running].map(uploads.heartbeat))
      if (!(await clock.isSteady())) return
      const dead = await uploads.dead()
      for (const upload of dead) await endDead(uploads, upload)
      if (dead.length > 0) await looseObjects.remove()
    },
  }
}

async function endDead(uploads: UploadRepo, upload: RunningUpload): Promise<void> {
  if (!(await uploads.abortDead(upload, Date.now()))) return
  log.warn('Upload of image {image} was left behind by a dead process', { image: upload.imageId })
}

async function begin(uploads: UploadRepo, upload: NewUpload, image: Image): Promise<void> {
  let begun = await uploads.begin(upload, Date.now())
  while (begun === 'busy') {
    await new Promise((resolve) => setTimeout(resolve, RETRY_BUSY_MS))
    begun = await uploads.begin(upload, Date.now())
  }
  if (begun === 'begun') return
  const { during } = INTAKES[upload.intake]
  throw new HeliostatError(
    'conflict',
    `Image status transition from ${image.status} to ${during} is not allowed`,
  )
}

interface Target {
  store: Store
  takeBody(): ReadableStream<Uint8Array>
}

async function takeInto(
  parts: UploadParts,
  progress: Progress,
  { store, takeBody }: Target,
): Promise<void> {
  const { chunk_size: chunkSize } = parts.options
  const { url } = progress.upload
  const sink = await openSink(store, { url, size: progress.expectedSize, chunkSize })
  try {
    await takeIn(parts, progress, { body: takeBody(), sink })
  } catch (error) {
    await sink.abort().catch(() => undefined)
    throw error
  }
}

function newProgress(
  upload: NewUpload,
  image: Image,
  options: UploadParts['options'] & { store: Store },
): Progress {
  return {
    upload,
    image,
    expectedSize: null,
    space: null,
    size: 0,
    chunks: [],
    atOnce: options.store.writesAtOnce,
    inspector: inspectorFor(image, upload.intake, options),
    signature: null,
  }
}

/** What can be refused before the first byte: one running upload too many, or a size that leads nowhere [413]. */
async function admit(
  { limits, uploads, options, signatures }: UploadParts,
  progress: Progress,
  { expectedSize, projectId, token, intake }: UploadRequest,
): Promise<void> {
  // This one is counted already.
  await limits.refuseMore('image_count_uploading', projectId, 0)
  progress.expectedSize = intake === 'stage' ? null : expectedSize
  progress.space = await uploads.spaceOf(progress.image.owner)
  if (expectedSize !== null) refuseSize(progress, expectedSize, sizeCap(options))
  // What is staged is verified when it is imported, as in Glance: it may be signed until then.
  if (intake !== 'stage') progress.signature = await signatures.open(progress.image, token)
}

/** Never throws: what the client hears is why the upload failed. What is left here goes with the next upkeep. */
async function clearAway(
  { uploads, sweeper, looseObjects }: UploadParts,
  { upload, image, size, chunks }: Progress,
  error: unknown,
): Promise<void> {
  log.warn('Upload of image {image} failed after {bytes} bytes: {reason}', {
    image: image.id,
    bytes: size,
    reason: reasonOf(error),
  })
  try {
    await uploads.abort(upload, Date.now())
    await looseObjects.tryRemove()
    const digests = chunks.filter((digest) => digest !== null)
    await sweeper.discard(upload.store, digests)
  } catch (failure) {
    log.error('Cannot clear away the failed upload of image {image}: {reason}', {
      image: image.id,
      reason: reasonOf(failure),
    })
  }
}
