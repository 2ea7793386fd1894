/** What another Glance tells of an image, as one of this service's own. */
import { z } from 'zod'
import { describeIssue } from '../../../schema/describe-issue.ts'
import { HASH_ALGORITHMS } from '../../../schema/hash-algorithms.ts'
import { UUID } from '../../../schema/image.ts'
import { IMAGE_STATUSES, MEMBER_STATUSES, VISIBILITIES } from '../../../schema/tables.ts'
import { unstorableWithin } from '../../../schema/text.ts'
import type { HashAlgorithm } from '../../blobs/digest.ts'
import type { Image, ImageStatus, Properties } from '../../images/image.ts'
import { MAX_PROPERTY_BYTES, bytesOf } from '../../images/quota.ts'
import { BASE_PROPERTIES } from '../../images/reserved.ts'

/** The end of the year 9999, the last that a date has four digits for. */
const MAX_TIME = Date.UTC(10_000, 0) - 1

const time = z.string().transform(Date.parse).pipe(z.number().int().min(0).max(MAX_TIME))
const bytes = z.number().int().min(0)
const minimum = bytes.max(2 ** 31 - 1)
const text = (most: number) => z.string().max(most).nullish().transform(orNull)
const hex = (most: number) =>
  z
    .string()
    .regex(/^[0-9a-f]*$/i)
    .max(most)
    .nullish()
    .transform((value) => value?.toLowerCase() || null)

/** Releases before Rocky have no `os_hidden` and no `os_hash_…`. */
const shown = z.object({
  id: z.string().regex(UUID, 'wanted a UUID'),
  name: text(255),
  status: z.enum(IMAGE_STATUSES),
  visibility: z.enum(VISIBILITIES),
  protected: z.boolean().default(false),
  os_hidden: z.boolean().default(false),
  owner: text(255),
  size: bytes.nullish().transform(orNull),
  min_disk: minimum.default(0),
  min_ram: minimum.default(0),
  disk_format: text(20),
  container_format: text(20),
  checksum: hex(32),
  os_hash_algo: text(64),
  os_hash_value: hex(128),
  created_at: time,
  updated_at: time,
  tags: z.array(z.string().max(255)).max(20_000).default([]),
})

const member = z.object({
  member_id: z.string().min(1).max(255),
  status: z.enum(MEMBER_STATUSES),
  created_at: time,
  updated_at: time,
})

export const memberList = z.object({ members: z.array(member).max(20_000) })
export type SourceMember = z.output<typeof member>

/** By what the bytes of an image can be told to be the right ones. */
export interface SourceDigests {
  /** Null where the source has none, or one that is not computed here. */
  hash: { algorithm: HashAlgorithm; value: string } | null
  /** MD5, hex. */
  checksum: string | null
}

/** An image of another Glance. */
export interface SourceImage {
  /** The record as it is to be here, but for its data: queued. */
  image: Image
  status: ImageStatus
  /** Bytes; null where it has no data. */
  size: number | null
  digests: SourceDigests
  /** Where it lies, as far as the source tells. */
  urls: string[]
}

/** An image that nobody could have made here. */
export interface Unreadable {
  /** Null where not even that can be read. */
  id: string | null
  reason: string
}

export type Listed = { found: SourceImage } | { unreadable: Unreadable }

const located = z.object({
  direct_url: z.string().nullish(),
  locations: z.array(z.object({ url: z.string() })).default([]),
})

function urlsOf(entry: unknown): string[] {
  const { data } = located.safeParse(entry)
  const urls = [...(data?.locations.map(({ url }) => url) ?? []), data?.direct_url ?? '']
  return [...new Set(urls)].filter((url) => url !== '')
}

const identified = z.object({ id: z.string().regex(UUID) })

/** An entry of a list of images. */
export function readImage(entry: unknown): Listed {
  const { data } = identified.safeParse(entry)
  const unreadable = (reason: string): Listed => ({ unreadable: { id: data?.id ?? null, reason } })
  const parsed = shown.safeParse(entry)
  if (!parsed.success)
    return unreadable(`its record cannot be read: ${describeIssue(parsed.error)}`)
  const { status, size, checksum, os_hash_algo, os_hash_value, tags, ...columns } = parsed.data
  const properties = customProperties(entry)
  const image: Image = {
    ...columns,
    status: 'queued',
    size: null,
    virtual_size: null,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    deleted_at: null,
    tags: [...new Set(tags)],
    properties,
  }
  const unstorable = unstorableWithin(image)
  if (unstorable !== null) return unreadable(`it has ${unstorable}, which cannot be stored`)
  if (bytesOf(Object.entries(properties).flat()) > MAX_PROPERTY_BYTES) {
    return unreadable(`its properties have more than ${MAX_PROPERTY_BYTES} bytes`)
  }
  const algorithm = HASH_ALGORITHMS.find((known) => known === os_hash_algo)
  const hash = algorithm && os_hash_value !== null ? { algorithm, value: os_hash_value } : null
  return { found: { image, status, size, digests: { hash, checksum }, urls: urlsOf(entry) } }
}

/** Only these may be null. */
const NULLABLE = ['kernel_id', 'ramdisk_id']

/** Without what is the source's own: where it has the bytes, and how an import stands there. */
function customProperties(entry: unknown): Properties {
  const pairs = Object.entries(typeof entry === 'object' && entry !== null ? entry : {})
  return Object.fromEntries(
    pairs.flatMap(([name, value]): [string, string | null][] => {
      const isOwn = BASE_PROPERTIES.has(name) || name.startsWith('os_glance')
      if (isOwn || name === '__proto__' || name.length > 255) return []
      if (typeof value === 'string') return [[name, value]]
      return value === null && NULLABLE.includes(name) ? [[name, null]] : []
    }),
  )
}

function orNull<T>(value: T | null | undefined): T | null {
  return value ?? null
}
