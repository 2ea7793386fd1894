import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import { UUID } from './image.ts'
import { listSchema, publishedProperties } from './json-schema.ts'
import { tasks } from './tables.ts'
import { TASK_TYPES } from './task-types.ts'

const column = createSelectSchema(tasks).shape

const jsonObject = z.record(z.string(), z.unknown()).nullable()

/** A task as clients see it, in the order in which its properties are published. */
const task = z.object({
  id: z.string().regex(UUID).meta({ description: 'An identifier for the task' }),
  type: z.enum(TASK_TYPES).meta({ description: 'What the task does' }),
  status: column.status.meta({ description: 'How far the task is' }),
  input: jsonObject.meta({ description: 'What the task was asked for' }),
  result: jsonObject.meta({ description: 'What the task has made' }),
  owner: z.string().meta({ description: 'The project that the task belongs to' }),
  message: column.message.meta({ description: 'What went wrong, usually' }),
  image_id: z.string().meta({ description: 'The image that the task is about' }),
  request_id: z.string().meta({ description: 'The request that the task comes from' }),
  user_id: z.string().meta({ description: 'The user that the task comes from' }),
  expires_at: z.string().nullable().meta({ description: 'Date and time when the task is removed' }),
  created_at: z.string().meta({ description: 'Date and time when the task was made' }),
  updated_at: z.string().meta({ description: 'Date and time of the last change of the task' }),
  self: z.string().meta({ readOnly: true }),
  schema: z.string().meta({ readOnly: true }),
})

export const taskJsonSchema = { name: 'task', properties: publishedProperties(task) }

/** A list has only what is short. */
const listedTask = task.omit({ input: true, result: true, message: true })

export const taskListJsonSchema = listSchema('tasks', {
  name: 'task',
  properties: publishedProperties(listedTask),
})
