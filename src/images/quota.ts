import { HeliostatError } from '../errors.ts'
import type { Image } from './image.ts'

/** −1 stands for no limit. */
export interface Quotas {
  image_property_quota: number
  image_tag_quota: number
}

/** Holds the record that would result against the quotas [413]. What is there already may exceed a lowered limit. */
export function refuseOverQuota(image: Image, quotas: Quotas, before?: Image): void {
  const limit = (what: string, attempted: number, had: number, maximum: number) => {
    if (maximum < 0 || attempted <= maximum || attempted <= had) return
    throw new HeliostatError(
      'too-large',
      `The limit has been exceeded on the number of allowed image ${what}. Attempted: ${attempted}, Maximum: ${maximum}`,
    )
  }
  const counted = before && countProperties(before)
  limit('properties', countProperties(image), counted ?? 0, quotas.image_property_quota)
  limit('tags', image.tags.length, before?.tags.length ?? 0, quotas.image_tag_quota)
}

function countProperties({ properties }: Image): number {
  return Object.keys(properties).filter((name) => !name.startsWith('os_glance')).length
}

/** What the images of one owner may take, and do: bytes. */
export interface StorageSpace {
  quota: number
  used: number
}

/** For data for which its owner has no space left [413]. */
export function storageExceeded({ quota, used }: StorageSpace, wanted: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `Image exceeds the storage quota: user_storage_quota is ${quota} bytes, ${used} are used, wanted ${wanted}`,
  )
}
