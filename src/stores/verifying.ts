import { isZero } from '../blobs/chunks.ts'
import type { Digester } from '../blobs/digest.ts'
import type { Manifest } from '../blobs/manifest.ts'
import { collect, openPlace } from './copies.ts'
import type { Store } from './store.ts'

/** Chunks that are read at once: while one is hashed, another one comes. */
const AT_ONCE = 2

/** What a chunk is found to be. */
export type Verdict = 'whole' | 'damaged' | 'missing'

export interface Flaw {
  position: number
  /** Null where there should be zeros. */
  digest: string | null
  verdict: Exclude<Verdict, 'whole'>
}

/** One copy of an image: `url` is null for chunks. */
export interface VerifiedCopy {
  store: Store
  url: string | null
  manifest: Manifest
}

export interface VerifyOptions {
  /** What is known of chunks from other images in the same store. */
  known?: Map<string, Verdict>
  signal: AbortSignal
  /** Told the bytes of each chunk. */
  progress?: (bytes: number) => void
}

/**
 * Reads all of a copy where it lies, and tells what of it is not what its digests say. Throws where the store does not
 * answer.
 */
export async function verifyCopy(
  digester: Pick<Digester, 'sha256' | 'memory'>,
  { store, url, manifest }: VerifiedCopy,
  { known = new Map<string, Verdict>(), signal, progress }: VerifyOptions,
): Promise<Flaw[]> {
  const { chunks, chunkSize, size } = manifest
  const waiting = chunks.entries()
  const flaws: Flaw[] = []
  const failures: unknown[] = []

  async function judge(wanted: Wanted): Promise<Verdict> {
    const found = url === null && wanted.digest !== null ? known.get(wanted.digest) : undefined
    const verdict = found ?? (await readChunk(digester, store, wanted))
    if (url === null && wanted.digest !== null) known.set(wanted.digest, verdict)
    return verdict
  }

  async function readNext(memory: Uint8Array): Promise<void> {
    for (const [position, digest] of waiting) {
      signal.throwIfAborted()
      if (failures.length > 0) return
      const offset = position * chunkSize
      const piece = memory.subarray(0, Math.min(chunkSize, size - offset))
      // Among chunks zeros are not stored.
      const verdict =
        url === null && digest === null
          ? 'whole'
          : await judge({ url, offset, digest, memory: piece })
      if (verdict !== 'whole') flaws.push({ position, digest, verdict })
      progress?.(piece.length)
    }
  }

  const readers = Array.from({ length: Math.min(AT_ONCE, chunks.length) }, () =>
    digester.memory.lend(Math.min(chunkSize, size), readNext).catch((error: unknown) => {
      failures.push(error)
    }),
  )
  await Promise.all(readers)
  if (failures.length > 0) throw failures[0]
  return flaws.toSorted((a, b) => a.position - b.position)
}

interface Wanted {
  url: string | null
  offset: number
  digest: string | null
  memory: Uint8Array
}

async function readChunk(
  digester: Pick<Digester, 'sha256'>,
  store: Store,
  { url, offset, digest, memory }: Wanted,
): Promise<Verdict> {
  const span = { offset: 0, length: memory.length }
  const place = { store: store.id, url, offset }
  const read = async () => {
    const body = await openPlace(store, place, { digest: digest ?? '', span })
    return body && (await collect(body, memory))
  }
  try {
    const bytes = await read().catch(read)
    if (!bytes) return 'missing'
    const isWhole = digest === null ? isZero(bytes) : (await digester.sha256(bytes)) === digest
    return isWhole ? 'whole' : 'damaged'
  } catch {
    // A store that answers, but not with the bytes of this chunk, has lost them.
    await store.check?.()
    return 'damaged'
  }
}
