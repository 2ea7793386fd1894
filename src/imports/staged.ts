import { type Digester, hasDigest } from '../blobs/digest.ts'
import type { NamedManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import type { Image } from '../images/image.ts'
import type { SignatureVerifiers } from '../images/signatures/verifier.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { Copies } from '../stores/copies.ts'
import type { Run } from './run.ts'

export interface StagedParts {
  signatures: SignatureVerifiers
  manifests: Pick<Manifests, 'find'>
  copies: Pick<Copies, 'chunk'>
  digester: Pick<Digester, 'sha256' | 'memory'>
}

/** Of a chunk so much is given on at once: a copy, since whoever gets it may keep it. */
const PIECE = 256 << 10

/** What was staged, each chunk verified. It is read as far as somebody wants it. */
export async function openStaged(
  parts: StagedParts,
  run: Run,
  blob: string,
): Promise<{ size: number; body: ReadableStream<Uint8Array> }> {
  const manifest = await parts.manifests.find(blob)
  if (!manifest) throw unreadable(run)
  const pieces = piecesOf(parts, run, manifest)
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 0 },
  )
  return { size: manifest.size, body }
}

async function* piecesOf(
  { copies, digester }: StagedParts,
  run: Run,
  { chunks, chunkSize, size }: NamedManifest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = digester.memory.take(Math.min(chunkSize, size))
  try {
    for (const [position, digest] of chunks.entries()) {
      const part = memory.subarray(0, Math.min(chunkSize, size - position * chunkSize))
      const isWhole = hasDigest(digester, digest ?? '')
      const bytes = digest === null ? part.fill(0) : await copies.chunk(digest, part, { isWhole })
      if (!bytes) throw unreadable(run)
      for (let at = 0; at < bytes.length; at += PIECE) yield bytes.slice(at, at + PIECE)
    }
  } finally {
    digester.memory.giveBack(memory)
  }
}

/**
 * Refuses staged bytes that are not those which their image says were signed: it may have been signed after they came.
 * They are read for that; without a signature they are not.
 */
export async function requireSigned(
  parts: StagedParts,
  run: Run,
  { image, blob }: { image: Image; blob: string },
): Promise<void> {
  const verifier = await parts.signatures.open(image, run.token)
  if (!verifier) return
  const { size, body } = await openStaged(parts, run, blob)
  run.bytes = { done: 0, total: size }
  for await (const bytes of body) {
    run.end.signal.throwIfAborted()
    await verifier.update(bytes)
    run.bytes.done += bytes.length
  }
  verifier.verify()
}

function unreadable({ imageId }: Run): HeliostatError {
  return new HeliostatError('unavailable', `The staged bytes of image ${imageId} cannot be read`)
}
