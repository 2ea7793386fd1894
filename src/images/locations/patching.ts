import { HeliostatError } from '../../errors.ts'
import type { Caller } from '../../identity/caller.ts'
import type { FoundImage, Location } from '../image.ts'
import type { PatchOperation } from '../patch-body.ts'
import type { RegisterLocation } from './registering.ts'
import { type GivenLocation, parseLocation, parseLocations, refuseUnsound } from './request.ts'
import type { LocationRepo } from './rows.ts'
import type { LocationView } from './shown.ts'

const VERBS = { add: 'add', remove: 'remove', replace: 'replace' } as const

export interface PatchingParts {
  locations: Pick<LocationRepo, 'remove' | 'setMetadata'>
  register: RegisterLocation
  view: Pick<LocationView, 'urlOf'>
  /** The hash that images of this site have. */
  algorithm: string
}

/** Carries out the operations on `/locations` of a PATCH, each when it comes. */
export type PatchLocations = (
  image: FoundImage,
  caller: Caller,
  operations: PatchOperation[],
) => Promise<void>

export function createPatchLocations(parts: PatchingParts): PatchLocations {
  return async (image, caller, operations) => {
    for (const operation of operations) {
      refuseEmpty(operation)
      if (image.status === 'queued' || image.status === 'active') continue
      throw new HeliostatError(
        'conflict',
        `It's not allowed to ${VERBS[operation.op]} locations if image status is ${image.status}.`,
      )
    }
    for (const operation of operations) {
      if (operation.op === 'remove') await removeAt(parts, image, operation.position ?? '')
      else if (operation.op === 'add') await addAt(parts, { image, caller }, operation)
      else await replaceAll(parts, { image, caller }, parseLocations(operation.value))
    }
  }
}

function refuseEmpty(operation: PatchOperation): void {
  if (operation.op !== 'replace') return
  if (!Array.isArray(operation.value) || operation.value.length > 0) return
  throw new HeliostatError('forbidden', 'Cannot set locations to empty list.')
}

interface Who {
  image: FoundImage
  caller: Caller
}

async function addAt(
  parts: PatchingParts,
  who: Who,
  { position = '', value }: { position?: string; value: unknown },
): Promise<void> {
  const given = parseLocation(value)
  if (positionOf(position, who.image.locations.length) === null) {
    throw new HeliostatError('invalid', 'Invalid position for adding a location.')
  }
  await addOne(parts, who, given)
}

async function addOne(parts: PatchingParts, { image, caller }: Who, given: GivenLocation) {
  const metadata = withoutStore(given.metadata)
  const isKnown = image.locations.some(
    (location) =>
      parts.view.urlOf(image.id, location) === given.url &&
      JSON.stringify(location.metadata) === JSON.stringify(metadata),
  )
  if (isKnown) throw new HeliostatError('invalid', `The location ${given.url} already exists`)
  const { checksum = null, hash } = validated(parts, image, given)
  const registration = { url: given.url, metadata, hash, checksum, verifiesFirst: false }
  await parts.register(image, caller, registration)
}

async function removeAt(
  { locations }: PatchingParts,
  image: FoundImage,
  position: string,
): Promise<void> {
  const index = positionOf(position, image.locations.length - 1)
  const location = index === null ? undefined : image.locations.at(index === Infinity ? -1 : index)
  if (!location) {
    throw new HeliostatError('invalid', 'Invalid position for removing a location.')
  }
  if (image.locations.length > 1 && (await locations.remove(image.id, location.id, Date.now()))) {
    return
  }
  throw new HeliostatError('forbidden', 'Cannot remove last location in the image.')
}

/** Where there are locations already, only their metadata may be replaced. */
async function replaceAll(
  parts: PatchingParts,
  { image, caller }: Who,
  given: GivenLocation[],
): Promise<void> {
  const { locations, view } = parts
  if (image.locations.length === 0) {
    for (const one of given) await addOne(parts, { image, caller }, one)
    return
  }
  const known = new Map<string, Location>(
    image.locations.map((location) => [view.urlOf(image.id, location), location]),
  )
  const urls = new Set(given.map(({ url }) => url))
  const isSame = urls.size === known.size && [...urls].every((url) => known.has(url))
  if (!isSame) {
    throw new HeliostatError(
      'invalid',
      `Original locations is not empty: ${[...known.keys()].join(', ')}`,
    )
  }
  for (const { url, metadata } of given) {
    const location = known.get(url)
    if (!location) continue
    await locations.setMetadata(image.id, location.id, withoutStore(metadata), Date.now())
  }
}

/** `-` is behind the last one. Null for what is none up to `last`. */
function positionOf(text: string, last: number): number | null {
  if (text === '-') return Infinity
  if (!/^\d{1,9}$/.test(text)) return null
  return Number(text) <= last ? Number(text) : null
}

/** Its store is known by its URL. */
function withoutStore({ store: _, ...metadata }: Record<string, unknown>) {
  return metadata
}

function validated({ algorithm }: PatchingParts, image: FoundImage, given: GivenLocation) {
  const { validation_data: data } = given
  if (!data) return { hash: null }
  const hash = { algorithm: data.os_hash_algo, value: data.os_hash_value }
  if (hash.algorithm !== algorithm) {
    throw new HeliostatError('conflict', `os_hash_algo must be ${algorithm}, not ${hash.algorithm}`)
  }
  refuseUnsound(hash, 'conflict')
  const isNew =
    image.os_hash_value !== hash.value ||
    (data.checksum !== undefined && data.checksum !== image.checksum)
  if (image.status !== 'queued' && isNew) {
    throw new HeliostatError(
      'conflict',
      "New value(s) for os_hash_algo, os_hash_value, checksum may only be provided when image status is 'queued'",
    )
  }
  return { hash, checksum: data.checksum ?? null }
}
