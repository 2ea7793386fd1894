/**
 * What the images of a project may take together. It is held while the bytes come in (`upload/size.ts`), and once more,
 * beside uploads that ended meanwhile, by the batch that makes the image active (`upload/rows.ts`). Keystone's limits,
 * where they are used, take its place (`project-limits.ts`).
 */
import { HeliostatError } from '../errors.ts'

/** What the images of one owner may take, and do: bytes. */
export interface StorageSpace {
  quota: number
  used: number
}

/** Bytes that an owner's images may take; Glance's 0 is no limit. Keystone's limits take its place. */
export function storageQuota(options: {
  use_keystone_limits: boolean
  user_storage_quota: number
}): number {
  return options.use_keystone_limits ? Infinity : options.user_storage_quota || Infinity
}

/** For data for which its owner has no space left [413]. */
export function storageExceeded({ quota, used }: StorageSpace, wanted: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `Image exceeds the storage quota: user_storage_quota is ${quota} bytes, ${used} are used, wanted ${wanted}`,
  )
}
