import { Buffer } from 'node:buffer'
import { HeliostatError } from '../errors.ts'
import type { Image } from './image.ts'

/** What one image may have at most; what the images of a project may take is in storage-quota.ts. −1 stands for no limit. */
export interface Quotas {
  image_property_quota: number
  image_tag_quota: number
}

/**
 * Bytes of UTF-8 that the names and values of an image's properties may have together: whoever lists images is sent
 * all of them.
 */
export const MAX_PROPERTY_BYTES = 1 << 20

/** What an image may have at most. */
export interface Most {
  properties: number
  propertyBytes: number
  tags: number
}

/** How much an image may have at most: what is there already may exceed a lowered limit. */
export function mostOf(quotas: Quotas, before?: Image): Most {
  const most = (maximum: number, had = 0) => (maximum < 0 ? Infinity : Math.max(maximum, had))
  return {
    properties: most(quotas.image_property_quota, before && countProperties(before)),
    propertyBytes: most(MAX_PROPERTY_BYTES, before && bytesOf(ownProperties(before).flat())),
    tags: most(quotas.image_tag_quota, before?.tags.length),
  }
}

/** Holds the record that would result against the quotas [413]. */
export function refuseOverQuota(image: Image, quotas: Quotas, before?: Image): void {
  const most = mostOf(quotas, before)
  const properties = countProperties(image)
  const propertyBytes = bytesOf(ownProperties(image).flat())
  const tags = image.tags.length
  if (properties > most.properties) {
    throw overQuota('properties', properties, quotas.image_property_quota)
  }
  if (propertyBytes > most.propertyBytes) {
    throw overQuota('property bytes', propertyBytes, MAX_PROPERTY_BYTES)
  }
  if (tags > most.tags) throw overQuota('tags', tags, quotas.image_tag_quota)
}

function overQuota(what: string, attempted: number, maximum: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `The limit has been exceeded on the number of allowed image ${what}. Attempted: ${attempted}, Maximum: ${maximum}`,
  )
}

function countProperties(image: Image): number {
  return ownProperties(image).length
}

/** Those that the client gave; those of the service itself do not count. */
function ownProperties({ properties }: Image): [name: string, value: string | null][] {
  return Object.entries(properties).filter(([name]) => !name.startsWith('os_glance'))
}

/** In UTF-8. */
export function bytesOf(texts: (string | null)[]): number {
  return texts.reduce((bytes, text) => bytes + (text === null ? 0 : Buffer.byteLength(text)), 0)
}
