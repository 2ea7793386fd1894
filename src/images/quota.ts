import { HeliostatError } from '../errors.ts'
import type { Image } from './image.ts'

/** −1 stands for no limit. */
export interface Quotas {
  image_property_quota: number
  image_tag_quota: number
}

/** How much an image may have at most: what is there already may exceed a lowered limit. */
export function mostOf(quotas: Quotas, before?: Image) {
  const most = (maximum: number, had = 0) => (maximum < 0 ? Infinity : Math.max(maximum, had))
  return {
    properties: most(quotas.image_property_quota, before && countProperties(before)),
    tags: most(quotas.image_tag_quota, before?.tags.length),
  }
}

/** Holds the record that would result against the quotas [413]. */
export function refuseOverQuota(image: Image, quotas: Quotas, before?: Image): void {
  const most = mostOf(quotas, before)
  const properties = countProperties(image)
  const tags = image.tags.length
  if (properties > most.properties) {
    throw overQuota('properties', properties, quotas.image_property_quota)
  }
  if (tags > most.tags) throw overQuota('tags', tags, quotas.image_tag_quota)
}

function overQuota(what: string, attempted: number, maximum: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `The limit has been exceeded on the number of allowed image ${what}. Attempted: ${attempted}, Maximum: ${maximum}`,
  )
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
