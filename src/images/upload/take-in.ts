import type { ChunkBuffers, Lease } from '../../blobs/chunk-buffers.ts'
import { cutChunks, isZero } from '../../blobs/chunks.ts'
import type { Checksum, Digester, DigestStream, HashAlgorithm } from '../../blobs/digest.ts'
import type { StreamInspector } from '../../blobs/inspect/stream.ts'
import { HeliostatError } from '../../errors.ts'
import { UPLOAD_LEASE_MS } from '../../inventory/leases.ts'
import type { Sink } from '../../stores/sink.ts'
import type { Image } from '../image.ts'
import type { SignatureVerifier } from '../signatures/verifier.ts'
import { storageExceeded } from '../storage-quota.ts'
import type { NewUpload, UploadRepo } from './rows.ts'
import { refuseExcess, requireExactSize, sizeCap, type UploadSize } from './size.ts'

const RETRY_BUSY_MS = 100

/** What the bytes of an upload go through. */
export interface DataParts {
  uploads: Pick<UploadRepo, 'keep' | 'finish' | 'hasImage'>
  digester: Digester
  buffers: ChunkBuffers
  options: {
    /** Bytes: a power of two from 1 to 64 MiB. */
    chunk_size: number
    /** Bytes that one upload may have. */
    image_size_cap: number
    hashing_algorithm: HashAlgorithm
    checksum: Checksum
  }
}

/** What one upload has taken in so far. */
export interface Progress extends UploadSize {
  upload: NewUpload
  image: Image
  chunks: (string | null)[]
  /** How many chunks are digested and stored at once, while the next one fills. */
  atOnce: number
  inspector: StreamInspector | null
  /** Null for an image without a signature. */
  signature: SignatureVerifier | null
}

/** Cuts, digests and stores a body in one pass, and makes of its image what the bytes came in for. */
export async function takeIn(
  parts: DataParts,
  progress: Progress,
  { body, sink }: { body: ReadableStream<Uint8Array>; sink: Sink },
): Promise<void> {
  const { digester, options } = parts
  const digests = digester.start(options.hashing_algorithm, options.checksum)
  try {
    await storeChunks(parts, progress, { body, digests, sink })
    requireExactSize(progress)
    const { size, chunks, inspector } = progress
    const virtualSize = inspector?.finish(size) ?? null
    const { checksum, hashValue } = await digests.finish()
    progress.signature?.verify()
    const manifest = {
      size,
      chunkSize: options.chunk_size,
      checksum,
      hashAlgorithm: options.hashing_algorithm,
      hashValue,
      chunks,
    }
    await sink.finish(size)
    const end = await parts.uploads.finish(progress.upload, { manifest, virtualSize })
    if (end === 'gone') throw await endedByOthers(parts, progress)
    if (end !== 'done') throw storageExceeded(end, size)
  } catch (error) {
    digests.abort()
    throw error
  }
}

interface Flow {
  digests: DigestStream
  sink: Sink
}

/** While some chunks are digested and stored, the next one fills. */
async function storeChunks(
  parts: DataParts,
  progress: Progress,
  { body, ...flow }: Flow & { body: ReadableStream<Uint8Array> },
): Promise<void> {
  const { buffers, options } = parts
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  try {
    for await (const chunk of cutChunks(body, options.chunk_size, buffers)) {
      try {
        admitChunk(progress, chunk.bytes, sizeCap(options))
        while (running.size >= progress.atOnce) await Promise.race(running)
        if (failures.length > 0) throw failures[0]
      } catch (error) {
        chunk.release()
        throw error
      }
      const taken: Promise<void> = takeChunk(parts, progress, { chunk, ...flow })
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          chunk.release()
          running.delete(taken)
        })
      running.add(taken)
    }
  } finally {
    await Promise.all(running)
  }
  if (failures.length > 0) throw failures[0]
}

function admitChunk(progress: Progress, bytes: Uint8Array, cap: number): void {
  progress.size += bytes.length
  refuseExcess(progress, cap)
  progress.inspector?.take(bytes)
}

function takeChunk(
  parts: DataParts,
  progress: Progress,
  { chunk: { bytes }, digests, sink }: Flow & { chunk: Lease },
): Promise<void> {
  const position = progress.chunks.push(null) - 1
  return allDone([
    digests.update(bytes),
    progress.signature?.update(bytes) ?? Promise.resolve(),
    storeChunk(parts, progress, { bytes, position, sink }),
  ])
}

/** Unlike Promise.all it waits for every one also when one fails: none may still write when the rest is cleared away. */
async function allDone(promises: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function storeChunk(
  parts: DataParts,
  progress: Progress,
  { bytes, position, sink }: { bytes: Uint8Array; position: number; sink: Sink },
): Promise<void> {
  const { digester, uploads } = parts
  const { upload, chunks } = progress
  const digest = isZero(bytes) ? null : await digester.sha256(bytes)
  let kept = await uploads.keep(upload, position, digest)
  while (kept === 'busy') {
    await new Promise((resolve) => setTimeout(resolve, RETRY_BUSY_MS))
    kept = await uploads.keep(upload, position, digest)
  }
  if (kept === 'gone') throw await endedByOthers(parts, progress)
  chunks[position] = digest
  await sink.put(position, digest, bytes)
}

/** Why nobody knows of the upload any more: its image was deleted [410], or its lease had run out [503]. */
async function endedByOthers(
  { uploads }: DataParts,
  { upload, image }: Progress,
): Promise<HeliostatError> {
  if (!(await uploads.hasImage(upload))) {
    return new HeliostatError('gone', `Image ${image.id} was deleted while it was being uploaded`)
  }
  const seconds = UPLOAD_LEASE_MS / 1000
  return new HeliostatError(
    'unavailable',
    `The upload of image ${image.id} was ended because nothing was heard of it for ${seconds} s: send it again`,
  )
}
