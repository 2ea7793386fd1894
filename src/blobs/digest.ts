import { createHash } from 'node:crypto'
import type { HASH_ALGORITHMS } from '../../schema/hash-algorithms.ts'
import { createReusedMemory, type ReusedMemory } from './reused-memory.ts'

export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number]

/** What `checksum` is: a host in FIPS mode has no MD5. */
export const CHECKSUMS = ['md5', 'none'] as const
export type Checksum = (typeof CHECKSUMS)[number]

export interface BlobDigests {
  /** MD5 of the whole, hex; null where there is to be none. */
  checksum: string | null
  /** The digest by the algorithm that was asked for, hex. */
  hashValue: string
}

/** The running digests of one upload. `update` must be awaited before the bytes may be overwritten. */
export interface DigestStream {
  update(bytes: Uint8Array): Promise<void>
  finish(): Promise<BlobDigests>
  /** Frees what an upload that failed has held. */
  abort(): void
}

/** A running SHA-256. `update` must be awaited before the bytes may be overwritten. */
export interface RunningSha256 {
  update(bytes: Uint8Array): Promise<void>
  /** Hex. */
  finish(): Promise<string>
  /** Frees what a hash that nobody wants any more has held. */
  abort(): void
}

/** Computes digests, on the event loop or beside it. */
export interface Digester {
  /** Computes an MD5 beside, unless there is to be none. */
  start(algorithm: HashAlgorithm, checksum?: Checksum): DigestStream
  startSha256(): RunningSha256
  sha256(bytes: Uint8Array): Promise<string>
  /** Memory that this digester reads without copying. */
  memory: ReusedMemory
}

/** Tells of bytes whether they are the chunk of that name. */
export function hasDigest(
  digester: Pick<Digester, 'sha256'>,
  digest: string,
): (bytes: Uint8Array) => Promise<boolean> {
  return async (bytes) => (await digester.sha256(bytes)) === digest
}

/** Hashes where it is called. For runtimes without threads. */
export const inlineDigester: Digester = {
  start(algorithm, checksum = 'md5') {
    const md5 = checksum === 'none' ? null : createHash('md5')
    const strong = createHash(algorithm)
    return {
      update: async (bytes) => {
        md5?.update(bytes)
        strong.update(bytes)
      },
      finish: async () => ({
        checksum: md5?.digest('hex') ?? null,
        hashValue: strong.digest('hex'),
      }),
      abort: () => undefined,
    }
  },
  startSha256() {
    const hash = createHash('sha256')
    return {
      update: async (bytes) => void hash.update(bytes),
      finish: async () => hash.digest('hex'),
      abort: () => undefined,
    }
  },
  sha256: async (bytes) => sha256(bytes),
  memory: createReusedMemory((size) => new Uint8Array(size)),
}

/** Whether this machine can compute an MD5. */
export function hasMd5(): boolean {
  try {
    createHash('md5')
    return true
  } catch {
    return false
  }
}

/** SHA-256 of a text or of bytes, hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
