import type { tasks } from '../../schema/tables.ts'
import { wireTime } from '../wire-time.ts'

export type Task = Omit<typeof tasks.$inferSelect, 'runner' | 'attempts'>

/** A task in a list, which has only what is short. */
export function toListedTask(task: Task): Record<string, unknown> {
  const path = `/v2/tasks/${task.id}`
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.owner,
    ...(task.expires_at !== null && { expires_at: wireTime(task.expires_at) }),
    created_at: wireTime(task.created_at),
    updated_at: wireTime(task.updated_at),
    self: path,
    schema: '/v2/schemas/task',
  }
}

/** A task with all that clients may know of it. */
export function toWireTask(task: Task): Record<string, unknown> {
  return {
    ...toListedTask(task),
    input: task.input,
    message: task.message,
    result: task.result,
    ...(task.image_id !== null && { image_id: task.image_id }),
    request_id: task.request_id,
    user_id: task.user_id,
  }
}

/** A task among those of an image, whose times have no zone there. */
export function toImageTask(task: Task): Record<string, unknown> {
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.owner,
    expires_at: task.expires_at === null ? null : plainTime(task.expires_at),
    created_at: plainTime(task.created_at),
    updated_at: plainTime(task.updated_at),
    deleted_at: null,
    deleted: false,
    image_id: task.image_id,
    request_id: task.request_id,
    user_id: task.user_id,
    input: task.input,
    result: task.result,
    message: task.message,
  }
}

/** In microseconds, of which the last three digits are zeros. */
function plainTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000')
}
