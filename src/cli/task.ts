import { type Command, InvalidArgumentError } from 'commander'
import { TASK_STATUSES } from '../../schema/task-types.ts'
import type { Config } from '../config.ts'
import { HeliostatError } from '../errors.ts'
import { cancelled } from '../imports/cancelling.ts'
import { createImportRows } from '../imports/rows.ts'
import { type Task, toWireTask } from '../imports/task.ts'
import { createTaskRepo, type TaskRepo } from '../imports/tasks.ts'
import type { Registry } from '../registry/database.ts'
import { wireTime } from '../wire-time.ts'
import { refuseAtEdge } from './db-pending.ts'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { print } from './print.ts'
import { printTable } from './table.ts'
import { withRegistry } from './with-registry.ts'

/** Tasks that are listed at most. */
const MOST = 1000
const HOUR_MS = 3_600_000

/** `heliostat task …`. */
export function addTaskCommands(program: Command): void {
  const task = program.command('task').description('Look after imports, which are tasks')

  withConfigOptions(task.command('list'))
    .description('Print the tasks, the newest first')
    .option('--status <status>', `only those: ${TASK_STATUSES.join(', ')}`, parseStatus)
    .option('--image <id>', 'only those of an image')
    .option('--json', 'print JSON')
    .action((options: ConfigOptions & ListCommand) =>
      withRegistry(options, (registry, config) => list(tasksOf(registry, config), options)),
    )

  withConfigOptions(task.command('show'))
    .description('Print all that is known of a task')
    .argument('<task>', 'its id')
    .action((id: string, options: ConfigOptions) =>
      withRegistry(options, async (registry, config) => {
        const found = await find(tasksOf(registry, config), id)
        print(JSON.stringify(toWireTask(found), null, 2))
      }),
    )

  withConfigOptions(task.command('cancel'))
    .description('End an import that is under way; its image is queued again')
    .argument('<task>', 'its id')
    .action((id: string, options: ConfigOptions) =>
      withRegistry(options, (registry, config) => cancel(registry, config, id)),
    )
}

interface ListCommand {
  status?: Task['status']
  image?: string
  json?: true
}

function parseStatus(given: string): Task['status'] {
  const status = TASK_STATUSES.find((known) => known === given)
  if (status) return status
  throw new InvalidArgumentError(`Wanted one of: ${TASK_STATUSES.join(', ')}`)
}

const timeToLive = ({ task }: Config) => task.task_time_to_live * HOUR_MS

const tasksOf = (registry: Registry, config: Config) => createTaskRepo(registry, timeToLive(config))

async function list(tasks: TaskRepo, { status, image, json }: ListCommand): Promise<void> {
  const query = {
    limit: MOST,
    filters: { status: status ?? null, type: null },
    sort: { key: 'created_at', direction: 'desc' },
  } as const
  const all = image === undefined ? await tasks.list(query, null) : await tasks.ofImage(image, null)
  const found = all.filter((each) => status === undefined || each.status === status)
  if (json) return print(JSON.stringify(found.map(toWireTask), null, 2))
  const rows = found.map((each) => [
    each.id,
    each.image_id ?? '',
    methodOf(each),
    each.status,
    wireTime(each.updated_at),
    each.message,
  ])
  printTable([['ID', 'IMAGE', 'METHOD', 'STATUS', 'UPDATED', ''], ...rows])
}

function methodOf({ type, input }: Task): string {
  const request = input?.['import_req']
  const method =
    typeof request === 'object' && request !== null && 'method' in request && request.method
  const name =
    typeof method === 'object' && method !== null && 'name' in method ? method.name : type
  return String(name)
}

async function find(tasks: TaskRepo, id: string): Promise<Task> {
  const found = await tasks.find(id)
  if (found) return found
  throw new HeliostatError('not-found', `There is no task ${id}: see heliostat task list`)
}

async function cancel(registry: Registry, config: Config, id: string): Promise<void> {
  await refuseAtEdge(registry, config)
  const task = await find(tasksOf(registry, config), id)
  const rows = createImportRows(registry, timeToLive(config))
  const own = { id, imageId: task.image_id ?? '' }
  if (!(await rows.fail(own, cancelled(task)))) {
    throw new HeliostatError(
      'conflict',
      `Task ${id} has ended already, its status is "${task.status}"`,
    )
  }
  print(`Task ${id} is cancelled; whoever does it stops within seconds`)
}
