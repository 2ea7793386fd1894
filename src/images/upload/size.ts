import { MAX_CHUNKS } from '../../blobs/manifest.ts'
import { HeliostatError } from '../../errors.ts'
import { type StorageSpace, storageExceeded } from '../storage-quota.ts'

/** What is known of an upload's size: bytes. */
export interface UploadSize {
  /** Null when the client has not said. */
  expectedSize: number | null
  /** What the owner may take; null for as much as he likes. */
  space: StorageSpace | null
  /** What has been taken in so far. */
  size: number
}

/** Bytes of one upload: what more chunks would have than a manifest may name could never be read. */
export function sizeCap(options: { image_size_cap: number; chunk_size: number }): number {
  return Math.min(options.image_size_cap, options.chunk_size * MAX_CHUNKS)
}

export function refuseExcess(upload: UploadSize, cap: number): void {
  const { size, expectedSize } = upload
  if (expectedSize !== null && size > expectedSize) {
    throw new HeliostatError(
      'invalid',
      `Size exceeds: expected ${expectedSize} bytes, got ${size} bytes`,
    )
  }
  refuseSize(upload, size, cap)
}

export function refuseSize({ space }: UploadSize, size: number, cap: number): void {
  if (space && size > space.quota - space.used) throw storageExceeded(space, size)
  if (size <= cap) return
  throw new HeliostatError(
    'too-large',
    `The incoming image is too large: The provided image is too large. image_size_cap is ${cap} bytes`,
  )
}

export function requireExactSize({ size, expectedSize }: UploadSize): void {
  if (expectedSize === null || size === expectedSize) return
  throw new HeliostatError(
    'invalid',
    `Size mismatch: expected ${expectedSize} bytes, got ${size} bytes`,
  )
}
