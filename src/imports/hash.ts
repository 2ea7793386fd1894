import { createHash } from 'node:crypto'
import { watched } from '../blobs/archive/streams.ts'
import { HeliostatError } from '../errors.ts'

/** What bytes are to be hashed to. */
export interface Hash {
  algorithm: string
  /** Lower-case hexadecimal digits. */
  value: string
}

/** The digests that files are published with, and how many hexadecimal digits each has. */
export const HASHES: Readonly<Record<string, number>> = {
  md5: 32,
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
}

/** The same body, which fails [invalid] instead of ending where its bytes are other ones. */
export function verified(
  body: ReadableStream<Uint8Array>,
  { algorithm, value }: Hash,
): ReadableStream<Uint8Array> {
  const digest = createHash(algorithm)
  return watched(body, {
    look: (bytes) => void digest.update(bytes),
    end() {
      const found = digest.digest('hex')
      if (found !== value) throw mismatch(algorithm, value, found)
    },
  })
}

function mismatch(algorithm: string, wanted: string, found: string): HeliostatError {
  return new HeliostatError(
    'invalid',
    `The bytes are not those that were announced: their ${algorithm} is ${found}, wanted ${wanted}`,
  )
}
