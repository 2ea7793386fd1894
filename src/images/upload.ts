import { getLogger } from '@logtape/logtape'
import { cutChunks, isZero } from '../blobs/chunks.ts'
import type { Digester, DigestStream, HashAlgorithm } from '../blobs/digest.ts'
import { createStreamInspector, type StreamInspector } from '../blobs/inspect/stream.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Sweeper } from '../blobs/sweep.ts'
import { HeliostatError } from '../errors.ts'
import type { Image } from './image.ts'
import type { ProjectLimits } from './project-limits.ts'
import { type StorageSpace, storageExceeded } from './quota.ts'
import { requireFormats } from './status.ts'
import { UPLOAD_LEASE_MS, type Upload, type UploadRepo } from './uploads.ts'

const RETRY_BUSY_MS = 100

const log = getLogger(['heliostat', 'upload'])

export interface UploadOptions {
  /** Bytes: a power of two from 1 to 64 MiB. */
  chunk_size: number
  /** Bytes that one upload may have. */
  image_size_cap: number
  hashing_algorithm: HashAlgorithm
  require_image_format_match: boolean
}

export interface UploadParts {
  uploads: UploadRepo
  store: ChunkStore
  digester: Digester
  sweeper: Sweeper
  limits: Pick<ProjectLimits, 'refuseMore'>
  options: UploadOptions
}

export interface UploadRequest {
  /** Bytes; null when the client has not said. */
  expectedSize: number | null
  /** The project that uploads. Its limits count, not those of the image's owner. */
  projectId: string | null
}

/** What one upload has taken in so far. */
interface Progress {
  upload: Upload
  image: Image
  expectedSize: number | null
  /** What the owner may take; null for as much as he likes. */
  space: StorageSpace | null
  size: number
  chunks: (string | null)[]
  /** Only the content of bare images is looked at. */
  inspector: StreamInspector | null
}

export type Uploader = ReturnType<typeof createUploader>

/** Takes images' bytes in: cut, digested and stored in one pass, with at most two chunks in memory. */
export function createUploader(parts: UploadParts) {
  const { uploads, sweeper } = parts

  async function fail(progress: Progress, error: unknown): Promise<never> {
    const { upload, image, size, chunks } = progress
    const reason = error instanceof Error ? error.message : String(error)
    log.warn('Upload of image {image} failed after {bytes} bytes: {reason}', {
      image: image.id,
      bytes: size,
      reason,
      cause: error instanceof Error && error.cause ? String(error.cause) : undefined,
    })
    await uploads.abort(upload, Date.now())
    await sweeper.discard(chunks.filter((digest) => digest !== null))
    throw error
  }

  return {
    /** Resolves when the image is active; otherwise the image is queued again and nothing of the bytes is left. */
    async upload(image: Image, body: ReadableStream<Uint8Array>, request: UploadRequest) {
      requireFormats(image)
      const upload = { id: crypto.randomUUID(), imageId: image.id }
      if (!(await uploads.begin(upload, Date.now()))) {
        throw new HeliostatError(
          'conflict',
          `Image status transition from ${image.status} to saving is not allowed`,
        )
      }
      const beat = setInterval(
        () => void uploads.heartbeat(upload).catch(() => undefined),
        UPLOAD_LEASE_MS / 4,
      )
      const progress = start(upload, image, parts.options.require_image_format_match)
      try {
        await admit(parts, progress, request)
        await takeIn(parts, progress, body)
      } catch (error) {
        await fail(progress, error)
      } finally {
        clearInterval(beat)
      }
    },

    /** Ends the uploads of processes that have died: their images become queued again. */
    async recover(): Promise<void> {
      for (const upload of await uploads.dead()) {
        await uploads.abort(upload, Date.now())
        log.warn('Upload of image {image} was left behind by a dead process', {
          image: upload.imageId,
        })
      }
    },
  }
}

function start(upload: Upload, image: Image, enforce: boolean): Progress {
  const { container_format, disk_format } = image
  const inspector =
    container_format === 'bare' && disk_format ? createStreamInspector(disk_format, enforce) : null
  return { upload, image, expectedSize: null, space: null, size: 0, chunks: [], inspector }
}

/** What can be refused before the first byte: one running upload too many, or a size that leads nowhere [413]. */
async function admit(
  { limits, uploads, options }: UploadParts,
  progress: Progress,
  { expectedSize, projectId }: UploadRequest,
): Promise<void> {
  // This one is counted already.
  await limits.refuseMore('image_count_uploading', projectId, 0)
  progress.expectedSize = expectedSize
  progress.space = await uploads.spaceOf(progress.image.owner)
  if (expectedSize !== null) refuseSize(progress, expectedSize, options.image_size_cap)
}

async function takeIn(
  parts: UploadParts,
  progress: Progress,
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const { digester, options } = parts
  const digests = digester.start(options.hashing_algorithm)
  try {
    await storeChunks(parts, progress, { body, digests })
    requireExactSize(progress)
    const { size, chunks, inspector } = progress
    const virtualSize = inspector?.finish(size) ?? null
    const { checksum, hashValue } = await digests.finish()
    const manifest = {
      size,
      chunkSize: options.chunk_size,
      checksum,
      hashAlgorithm: options.hashing_algorithm,
      hashValue,
      chunks,
    }
    const end = await parts.uploads.finish(progress.upload, manifest, virtualSize)
    if (end === 'gone') throw deletedMeanwhile(progress.image)
    if (end !== 'active') throw storageExceeded(end, size)
  } catch (error) {
    digests.abort()
    throw error
  }
}

/** While one chunk is digested and stored, the next one fills. */
async function storeChunks(
  parts: UploadParts,
  progress: Progress,
  { body, digests }: { body: ReadableStream<Uint8Array>; digests: DigestStream },
): Promise<void> {
  const { chunk_size } = parts.options
  let previous: Promise<unknown> = Promise.resolve()
  try {
    for await (const bytes of cutChunks(body, chunk_size, parts.digester.allocate)) {
      progress.size += bytes.length
      refuseExcess(progress, parts.options.image_size_cap)
      progress.inspector?.take(bytes)
      await previous
      const position = progress.chunks.push(null) - 1
      previous = allDone([digests.update(bytes), storeChunk(parts, progress, { bytes, position })])
      // Its failure is met by the next await; until then it must not count as unhandled.
      previous.catch(() => undefined)
    }
  } finally {
    await previous
  }
}

/** Unlike Promise.all it waits for every one also when one fails: none may still write when the rest is cleared away. */
async function allDone(promises: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function storeChunk(
  { digester, store, uploads }: UploadParts,
  { upload, image, chunks }: Progress,
  { bytes, position }: { bytes: Uint8Array; position: number },
): Promise<void> {
  const digest = isZero(bytes) ? null : await digester.sha256(bytes)
  let kept = await uploads.keep(upload, position, digest)
  while (kept === 'busy') {
    await new Promise((resolve) => setTimeout(resolve, RETRY_BUSY_MS))
    kept = await uploads.keep(upload, position, digest)
  }
  if (kept === 'gone') throw deletedMeanwhile(image)
  chunks[position] = digest
  if (digest !== null) await store.put(digest, bytes)
}

function refuseExcess(progress: Progress, cap: number): void {
  const { size, expectedSize } = progress
  if (expectedSize !== null && size > expectedSize) {
    throw new HeliostatError(
      'invalid',
      `Size exceeds: expected ${expectedSize} bytes, got ${size} bytes`,
    )
  }
  refuseSize(progress, size, cap)
}

function refuseSize({ space }: Progress, size: number, cap: number): void {
  if (space && size > space.quota - space.used) throw storageExceeded(space, size)
  if (size <= cap) return
  throw new HeliostatError(
    'too-large',
    `The incoming image is too large: The provided image is too large. image_size_cap is ${cap} bytes`,
  )
}

function requireExactSize({ size, expectedSize }: Progress): void {
  if (expectedSize === null || size === expectedSize) return
  throw new HeliostatError(
    'invalid',
    `Size mismatch: expected ${expectedSize} bytes, got ${size} bytes`,
  )
}

function deletedMeanwhile(image: Image): HeliostatError {
  return new HeliostatError('gone', `Image ${image.id} was deleted while it was being uploaded`)
}
