import type { FoundImage, Image } from '../../images/image.ts'
import type { SourceImage } from './record.ts'

/**
 * What is to be done for an image of the source: its record and its bytes are taken; its record alone, since it has no
 * bytes there either; its record is brought up to date; nothing, since it is the same; nothing, since it was changed
 * here since then, or has other bytes here; nothing yet, since its bytes come in there, or here.
 */
export type Step =
  | 'take'
  | 'record'
  | 'update'
  | 'same'
  | 'changed-here'
  | 'other-bytes'
  | 'unfinished-there'
  | 'unfinished-here'

export function stepFor(source: SourceImage, here: FoundImage | null): Step {
  const there = source.status
  const hasBytes = there === 'active' || there === 'deactivated'
  if (!hasBytes && there !== 'queued') return 'unfinished-there'
  if (!here) return hasBytes ? 'take' : 'record'
  if (here.status === 'queued') return hasBytes ? 'take' : stepForRecord(source, here)
  if (here.status !== 'active' && here.status !== 'deactivated') return 'unfinished-here'
  if (!hasBytes) return 'changed-here'
  return hasOtherBytes(source, here) ? 'other-bytes' : stepForRecord(source, here)
}

/** What is changed here gets a new date, so it is newer than the source's. */
function stepForRecord(source: SourceImage, here: FoundImage): Step {
  if (here.updated_at > source.image.updated_at) {
    return isSame(updated(here, source), here) && hasStatus(source, here) ? 'same' : 'changed-here'
  }
  const isNewer = here.updated_at < source.image.updated_at
  return isNewer || !isSame(updated(here, source), here) || !hasStatus(source, here)
    ? 'update'
    : 'same'
}

function hasStatus({ status }: SourceImage, here: FoundImage): boolean {
  return here.status === status
}

function hasOtherBytes({ size, digests }: SourceImage, here: FoundImage): boolean {
  const { hash, checksum } = digests
  if (size !== null && here.size !== null && size !== here.size) return true
  if (hash !== null && hash.algorithm === here.os_hash_algo)
    return hash.value !== here.os_hash_value
  return checksum !== null && here.checksum !== null && checksum !== here.checksum
}

const COLUMNS = [
  'name',
  'disk_format',
  'container_format',
  'visibility',
  'min_disk',
  'min_ram',
  'owner',
  'protected',
  'os_hidden',
] as const

/** The record that is here as the source has it; what belongs to this service itself stays. */
export function updated(here: FoundImage, { image }: SourceImage): Image {
  const own = Object.entries(here.properties).filter(([name]) => name.startsWith('os_glance'))
  return {
    ...here,
    ...Object.fromEntries(COLUMNS.map((column) => [column, image[column]])),
    tags: keepOrder(here.tags, image.tags),
    properties: { ...image.properties, ...Object.fromEntries(own) },
    updated_at: image.updated_at,
  }
}

/** Glance tells tags in any order. */
function keepOrder(here: string[], there: string[]): string[] {
  const isSameSet = here.length === there.length && here.every((tag) => there.includes(tag))
  return isSameSet ? here : there
}

function isSame(wanted: Image, here: Image): boolean {
  return (
    COLUMNS.every((column) => wanted[column] === here[column]) &&
    isEqual(wanted.tags, here.tags) &&
    isEqual(sorted(wanted.properties), sorted(here.properties))
  )
}

function sorted(properties: Image['properties']): [string, string | null][] {
  return Object.entries(properties).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
