import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import { UUID } from '../../../schema/image.ts'
import {
  imageMembers,
  images,
  metadefNamespaces,
  metadefObjects,
  metadefProperties,
  metadefResourceTypeAssociations,
  metadefResourceTypes,
  metadefTags,
} from '../../../schema/tables.ts'
import { unstorableWithin } from '../../../schema/text.ts'
import { isDigest } from '../../blobs/store.ts'

/** An image with all that belongs to it, or all metadata definitions. */
export const MAX_RECORD_BYTES = 32 << 20
/** Entries of a list: more than any quota allows, fewer than hold up those who read it. */
const MANY = 20_000
/** The end of the year 9999, the last that a date has four digits for. */
const MAX_TIME = Date.UTC(10_000, 0) - 1

const time = z.number().int().min(0).max(MAX_TIME)
const times = { created_at: time, updated_at: time }
/** A chain of edges is not longer. */
const MAX_SITES = 100

const seq = z.number().int().min(0)
const bytes = z.number().int().min(0)
const minimum = bytes.max(2 ** 31 - 1)
const hex = z.string().regex(/^[0-9a-f]*$/)
const name = z.string().max(255)
/** Of a site, or of a history of changes: it becomes a part of lists and headers. */
export const siteName = z.string().regex(/^[\w.-]{1,64}$/)
const token = siteName

/** A list that is given up at its first mistake: to describe a hundred thousand of them takes seconds. */
function listOf<T>(entry: z.ZodType<T>): z.ZodType<T[]> {
  return z.unknown().transform((value, context): T[] => {
    const list: T[] = []
    const refuse = (message: string, path: PropertyKey[] = []) => {
      context.addIssue({ code: 'custom', message, path })
      return z.NEVER
    }
    if (!Array.isArray(value)) return refuse('wanted a list')
    if (value.length > MANY) return refuse(`wanted a list of at most ${MANY}`)
    for (const [index, member] of value.entries()) {
      const { data, error } = entry.safeParse(member)
      const issue = error?.issues[0]
      if (issue) return refuse(issue.message, [index, ...issue.path])
      if (!error) list.push(data)
    }
    return list
  })
}

/** By hand, since a record of zod's takes ten times as long. */
function isProperties(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([key, text]) => key.length <= 255 && (text === null || typeof text === 'string'),
  )
}

const isDistinct = (values: unknown[]) => new Set(values).size === values.length
const isStorable = (value: unknown) => unstorableWithin(value) === null
const UNSTORABLE = 'has a text with NUL characters or lone surrogates, which cannot be stored'

const member = createSelectSchema(imageMembers)
  .omit({ image_id: true })
  .extend({ ...times, member: name, deleted_at: time.nullable() })

/** An image as one site tells it to another: the whole record, also of a deleted one. Times are milliseconds. */
export const imageRecord = createSelectSchema(images)
  .extend({
    ...times,
    id: z.string().regex(UUID, 'wanted a UUID'),
    deleted_at: time.nullable(),
    size: bytes.nullable(),
    virtual_size: bytes.nullable(),
    min_disk: minimum,
    min_ram: minimum,
    checksum: hex.length(32).nullable(),
    os_hash_value: hex.max(128).nullable(),
    tags: listOf(name).refine(isDistinct, 'has one twice'),
    properties: z.custom<Record<string, string | null>>(
      isProperties,
      'wanted texts by names of at most 255 characters',
    ),
    members: listOf(member).refine(
      (list) => isDistinct(list.map(({ member }) => member)),
      'has one twice',
    ),
    /** The digest of the manifest of its bytes. */
    blob: z.string().refine(isDigest, 'wanted a SHA-256').nullable(),
  })
  .refine(isStorable, UNSTORABLE)
export type ImageRecord = z.output<typeof imageRecord>

/** A change names the sequence number up to which its reader is then up to date. */
export const change = z.object({ seq, image: imageRecord })

/** What a site keeps to itself. */
const OWN = { id: true, namespace_id: true } as const

const definition = z.record(z.string(), z.unknown())

/** Entries of a namespace, each of another name. */
function entries<T extends z.ZodRawShape>(
  entry: z.ZodObject<T>,
  nameOf: (value: z.output<z.ZodObject<T>>) => string,
) {
  return listOf(entry).refine((list) => isDistinct(list.map(nameOf)), 'has one twice')
}
const nameOf = ({ name }: { name: string }) => name

/** A namespace of metadata definitions with all that it holds, in the order of creation. */
const namespaceRecord = createSelectSchema(metadefNamespaces).extend({
  ...times,
  properties: entries(
    createSelectSchema(metadefProperties)
      .omit(OWN)
      .extend({ ...times, json_schema: definition }),
    nameOf,
  ),
  objects: entries(
    createSelectSchema(metadefObjects)
      .omit(OWN)
      .extend({
        ...times,
        required: z.array(z.string()).nullable(),
        json_schema: z.record(z.string(), definition).nullable(),
      }),
    nameOf,
  ),
  tags: entries(createSelectSchema(metadefTags).omit(OWN).extend(times), nameOf),
  associations: entries(
    createSelectSchema(metadefResourceTypeAssociations).omit({ namespace_id: true }).extend(times),
    ({ resource_type }) => resource_type,
  ),
})

const namespaceChange = z
  .object({ id: z.string().max(36), record: namespaceRecord.nullable() })
  .refine(
    ({ id, record }) => record === null || record.id === id,
    'is another one than it is called',
  )

const resourceTypeChange = z
  .object({
    id: z.string().max(80),
    record: createSelectSchema(metadefResourceTypes).extend(times).nullable(),
  })
  .refine(
    ({ id, record }) => record === null || record.name === id,
    'is another one than it is called',
  )

/** Namespaces by their ids and resource types by their names, as they are now; null for what is gone. */
export const metadefChanges = z
  .object({
    namespaces: listOf(namespaceChange)
      .refine((list) => isDistinct(list.map(({ id }) => id)), 'has one twice')
      .refine(
        (list) => isDistinct(list.flatMap(({ record }) => record?.namespace ?? [])),
        'has two of one name',
      ),
    resource_types: listOf(resourceTypeChange).refine(
      (list) => isDistinct(list.map(({ id }) => id)),
      'has one twice',
    ),
  })
  .refine(isStorable, UNSTORABLE)
export type MetadefChanges = z.output<typeof metadefChanges>

/** `seq` is how far the reader is after these changes; `more` says that others wait already. */
export const changes = z.object({
  epoch: token,
  seq,
  more: z.boolean(),
  changes: listOf(change).refine(
    (list) => isDistinct(list.map(({ image }) => image.id)),
    'has an image twice',
  ),
  /** Beside the others, since sites of an older version know of images only. */
  metadefs: metadefChanges.optional(),
})
export type Changes = z.output<typeof changes>

/** The only document that changes: where the feed stands. `sites` are this site and those it follows, nearest first. */
export const head = z.object({
  epoch: token,
  seq,
  /** Milliseconds since 1970 UTC at the answering site. */
  time: z.number().int(),
  sites: z.array(token).max(MAX_SITES),
  /** Absent but for a site that has had no snapshot of the one it follows: it has nothing to tell yet. */
  synced: z.literal(false).optional(),
})
export type Head = z.output<typeof head>

/** The first line of a snapshot. */
export const snapshotStart = z.object({ epoch: token, seq })
export type SnapshotStart = z.output<typeof snapshotStart>

/** The line of a snapshot that has all metadata definitions. */
export const snapshotMetadefs = z.object({ metadefs: metadefChanges })
