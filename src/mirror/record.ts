import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import { imageMembers, images } from '../../schema/tables.ts'

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

/** `seq` is how far the reader is after these changes; `more` says that others wait already. */
export const changes = z.object({
  epoch: z.string(),
  seq: z.number().int(),
  more: z.boolean(),
  changes: z.array(change),
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
