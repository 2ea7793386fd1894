import { type Digester, hasDigest } from '../blobs/digest.ts'
import type { NamedManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import type { Image } from '../images/image.ts'
import type { SignatureVerifier, SignatureVerifiers } from '../images/signatures/verifier.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { Copies } from '../stores/copies.ts'
import type { ImportRows } from './rows.ts'
import type { Run } from './run.ts'

export interface SignedParts {
  rows: Pick<ImportRows, 'stagedBlob'>
  signatures: SignatureVerifiers
  manifests: Pick<Manifests, 'find'>
  copies: Pick<Copies, 'chunk'>
  digester: Pick<Digester, 'sha256' | 'memory'>
}

/**
 * Refuses staged bytes that are not those which their image says were signed: it may have been signed after they came.
 * They are read for that; without a signature they are not.
 */
export async function requireSigned(parts: SignedParts, run: Run, image: Image): Promise<void> {
  const verifier = await parts.signatures.open(image, run.token)
  if (!verifier) return
  const blob = await parts.rows.stagedBlob(run.imageId)
  const manifest = blob === null ? null : await parts.manifests.find(blob)
  if (!manifest) throw unreadable(run)
  run.bytes = { done: 0, total: manifest.size }
  await readAll(parts, run, { manifest, verifier })
  verifier.verify()
}

async function readAll(
  { copies, digester }: SignedParts,
  run: Run,
  { manifest, verifier }: { manifest: NamedManifest; verifier: SignatureVerifier },
): Promise<void> {
  const { chunks, chunkSize, size } = manifest
  const whole = (digest: string, memory: Uint8Array) =>
    copies.chunk(digest, memory, { isWhole: hasDigest(digester, digest) })
  if (size === 0) return
  await digester.memory.lend(Math.min(chunkSize, size), async (memory) => {
    for (const [position, digest] of chunks.entries()) {
      run.end.signal.throwIfAborted()
      const part = memory.subarray(0, Math.min(chunkSize, size - position * chunkSize))
      const bytes = digest === null ? part.fill(0) : await whole(digest, part)
      if (!bytes) throw unreadable(run)
      await verifier.update(bytes)
      run.bytes.done += bytes.length
    }
  })
}

function unreadable({ imageId }: Run): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The signature of image ${imageId} cannot be verified, since its staged bytes cannot be read`,
  )
}
