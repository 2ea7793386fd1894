import { UUID } from '../../schema/image.ts'
import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import { parseTaskQuery } from '../imports/query.ts'
import { type Task, toImageTask, toListedTask, toWireTask } from '../imports/task.ts'
import { listLinks } from '../paging.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { createLegacyTask } from './legacy-tasks.ts'
import { refuseBody, resource } from './resource.ts'
import { serviceRoot } from './service-root.ts'

const COLLECTION = '/v2/tasks'

/** Mounts the tasks, of all images for administrators and of one for those who may get it. */
export function mountTasks(app: App, services: Services): void {
  const { config, access, tasks } = services

  resource(app, COLLECTION, {
    async GET(context) {
      access.requireOnSite('tasks_api_access', context.get('caller'))
      const params = new URL(context.req.url).searchParams
      const query = parseTaskQuery(params, config.DEFAULT)
      const found = await tasks.list(query, await findMarker(services, params.get('marker')))
      const isFull = found.length === query.limit && query.limit > 0
      return json(context, {
        tasks: found.map(toListedTask),
        ...listLinks(COLLECTION, params, isFull ? (found.at(-1)?.id ?? null) : null),
        schema: '/v2/schemas/tasks',
      })
    },

    async POST(context) {
      access.requireOnSite('tasks_api_access', context.get('caller'))
      const task = await createLegacyTask(services, context)
      const headers = {
        Location: `${serviceRoot(context.req.raw, config)}${COLLECTION}/${task.id}`,
      }
      return json(context, toWireTask(task), { status: 201, headers })
    },
  })

  app.delete(`${COLLECTION}/:task_id`, (context) => {
    access.requireOnSite('tasks_api_access', context.get('caller'))
    throw new HeliostatError(
      'method-not-allowed',
      'Tasks are not deleted: each goes by itself some time after it has ended.',
      { headers: { Allow: 'GET' } },
    )
  })

  resource(app, `${COLLECTION}/:task_id`, {
    async GET(context) {
      access.requireOnSite('tasks_api_access', context.get('caller'))
      const task = await tasks.find(context.req.param('task_id'))
      if (!task) throw absent(context.req.param('task_id'))
      return json(context, toWireTask(task))
    },
  })

  // Glance knows no other method here, not even as one that is refused.
  app.get('/v2/images/:image_id/tasks', async (context) => {
    refuseBody(context)
    const caller = context.get('caller')
    const image = await access.look(context.req.param('image_id'), caller)
    if (!image || !access.mayOnImage('get_image', caller, image)) {
      throw new HeliostatError('not-found', standardSentence(404) ?? '')
    }
    const owner = caller.isAdmin ? null : (caller.projectId ?? '')
    const found = await tasks.ofImage(image.id, owner)
    return json(context, { tasks: found.map(toImageTask) })
  })
}

async function findMarker({ tasks }: Services, id: string | null): Promise<Task | null> {
  if (id === null) return null
  if (!UUID.test(id)) throw new HeliostatError('invalid', 'Invalid marker format')
  const marker = await tasks.find(id)
  if (marker) return marker
  throw new HeliostatError('invalid', `Task with the given id ${id} was not found`)
}

function absent(id: string): HeliostatError {
  return new HeliostatError('not-found', `Could not find task ${id}`)
}
