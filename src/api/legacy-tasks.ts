/** The oldest way of importing: a task that makes an image of what lies behind HTTP. */
import { z } from 'zod'
import { describeIssue } from '../../schema/describe-issue.ts'
import { TASK_TYPES } from '../../schema/task-types.ts'
import { HeliostatError } from '../errors.ts'
import { createAttributes } from '../images/attributes.ts'
import type { Image } from '../images/image.ts'
import type { Task } from '../imports/task.ts'
import { refuseUnfiltered } from '../imports/web-download.ts'
import type { Services } from '../services.ts'
import type { RequestContext } from './context.ts'
import { injectedProperties } from './image-import.ts'
import { readJson } from './json-body.ts'
import { createRecord } from './new-record.ts'

const newTask = z.strictObject({
  type: z.enum(TASK_TYPES),
  input: z.record(z.string(), z.unknown()),
})

/** Makes a task and begins with it; one of another type than `import` has failed as soon as it is there, as in Glance. */
export async function createLegacyTask(services: Services, context: RequestContext): Promise<Task> {
  const { type, input } = parse(await readJson(context.req.raw))
  const caller = context.get('caller')
  const id = crypto.randomUUID()
  const task = {
    id,
    type,
    owner: caller.projectId,
    request_id: context.get('requestId'),
    user_id: caller.userId,
    input,
  }
  if (type === 'import') {
    const image = await createImage(services, context, input)
    const begun = {
      task,
      imageId: image.id,
      from: 'queued',
      during: 'importing',
      isStaged: false,
      progress: { pending: [], failed: [] },
      properties: injectedProperties(services.config, caller),
    } as const
    await services.importer.begin(begun, null)
  } else {
    await services.tasks.addFailed(
      task,
      `A task of type ${type} is made by the request that it is for`,
    )
  }
  const made = await services.tasks.find(id)
  if (made) return made
  throw new HeliostatError('unavailable', `Task ${id} is gone`)
}

function parse(body: unknown): z.output<typeof newTask> {
  for (const key of ['type', 'input']) {
    if (typeof body === 'object' && body !== null && key in body) continue
    throw new HeliostatError('invalid', `Task '${key}' is required`)
  }
  const parsed = newTask.safeParse(body)
  if (parsed.success) return parsed.data
  const reason = describeIssue(parsed.error)
  throw new HeliostatError('invalid', `Provided object does not match schema 'task': ${reason}`)
}

function createImage(
  services: Services,
  context: RequestContext,
  input: Record<string, unknown>,
): Promise<Image> {
  const { import_from: uri, import_from_format: format, image_properties: properties = {} } = input
  refuseSource(uri, services.addressFilter)
  const attributes = createAttributes(services.definition)
  const given = attributes.parseNew(properties)
  const whole = attributes.parseNew({ disk_format: format, container_format: 'bare', ...given })
  return createRecord(services, whole, context.get('caller'))
}

function refuseSource(uri: unknown, filter: Services['addressFilter']): void {
  if (typeof uri !== 'string') {
    throw new HeliostatError(
      'invalid',
      `Invalid location: ${uri === undefined ? 'None' : JSON.stringify(uri)}`,
    )
  }
  if (/^(file|filesystem):/i.test(uri)) {
    throw new HeliostatError(
      'invalid',
      'File based imports are not allowed. Please use a non-local source of image data.',
    )
  }
  if (!/^https?:\/\//i.test(uri)) {
    throw new HeliostatError(
      'invalid',
      'The given uri is not valid. Please specify a valid uri from the following list of supported uri: http, https',
    )
  }
  refuseUnfiltered(filter, uri, 'legacy import task')
}
