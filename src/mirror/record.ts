import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import {
  imageMembers,
  images,
  metadefNamespaces,
  metadefObjects,
  metadefProperties,
  metadefResourceTypeAssociations,
  metadefResourceTypes,
  metadefTags,
} from '../../schema/tables.ts'

const member = createSelectSchema(imageMembers).omit({ image_id: true })

/** An image as one site tells it to another: the whole record, also of a deleted one. Times are milliseconds. */
export const imageRecord = createSelectSchema(images).extend({
  tags: z.array(z.string()),
  properties: z.record(z.string(), z.string().nullable()),
  members: z.array(member),
  /** The digest of the manifest of its bytes. */
  blob: z.string().nullable(),
})
export type ImageRecord = z.output<typeof imageRecord>

/** A change names the sequence number up to which its reader is then up to date. */
export const change = z.object({ seq: z.number().int(), image: imageRecord })

/** What a site keeps to itself. */
const OWN = { id: true, namespace_id: true } as const

const definition = z.record(z.string(), z.unknown())

/** A namespace of metadata definitions with all that it holds, in the order of creation. */
const namespaceRecord = createSelectSchema(metadefNamespaces).extend({
  properties: z.array(
    createSelectSchema(metadefProperties).omit(OWN).extend({ json_schema: definition }),
  ),
  objects: z.array(
    createSelectSchema(metadefObjects)
      .omit(OWN)
      .extend({
        required: z.array(z.string()).nullable(),
        json_schema: z.record(z.string(), definition).nullable(),
      }),
  ),
  tags: z.array(createSelectSchema(metadefTags).omit(OWN)),
  associations: z.array(
    createSelectSchema(metadefResourceTypeAssociations).omit({ namespace_id: true }),
  ),
})

/** Namespaces by their ids and resource types by their names, as they are now; null for what is gone. */
export const metadefChanges = z.object({
  namespaces: z.array(z.object({ id: z.string(), record: namespaceRecord.nullable() })),
  resource_types: z.array(
    z.object({ id: z.string(), record: createSelectSchema(metadefResourceTypes).nullable() }),
  ),
})
export type MetadefChanges = z.output<typeof metadefChanges>

/** `seq` is how far the reader is after these changes; `more` says that others wait already. */
export const changes = z.object({
  epoch: z.string(),
  seq: z.number().int(),
  more: z.boolean(),
  changes: z.array(change),
  /** Beside the others, since sites of an older version know of images only. */
  metadefs: metadefChanges.optional(),
})
export type Changes = z.output<typeof changes>

/** The only document that changes: where the feed stands. `sites` are this site and those it follows, nearest first. */
export const head = z.object({
  epoch: z.string(),
  seq: z.number().int(),
  /** Milliseconds since 1970 UTC at the answering site. */
  time: z.number().int(),
  sites: z.array(z.string()),
})
export type Head = z.output<typeof head>
