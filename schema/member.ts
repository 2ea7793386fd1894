import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import { UUID } from './image.ts'
import { listSchema, publishedProperties } from './json-schema.ts'
import { imageMembers } from './tables.ts'

const column = createSelectSchema(imageMembers).shape

/** A member as clients see it, in the order in which its properties are published. */
const member = z.object({
  member_id: z.string().meta({ description: 'The project that the image is shared with' }),
  image_id: z.string().regex(UUID).meta({ description: 'An identifier for the image' }),
  created_at: z.string().meta({ description: 'Date and time when the image was first shared' }),
  updated_at: z.string().meta({ description: 'Date and time of the last change of this member' }),
  status: column.status.meta({ description: 'What the member has made of the offer' }),
  schema: z.string().meta({ readOnly: true }),
})
export type WireMember = z.output<typeof member>

export const memberJsonSchema = { name: 'member', properties: publishedProperties(member) }

export const memberListJsonSchema = listSchema('members', memberJsonSchema)
