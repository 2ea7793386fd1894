import { z } from 'zod'
import { sleep } from '../../sleep.ts'
import { type Inventory, propertiesOf, textsOf } from './inventory.ts'
import { datastorePath, type Place } from './places.ts'
import type { Content, Session } from './session.ts'
import { callOf, element, type Reference, reference, referenceElement } from './soap.ts'

/** What becomes of a task: `done`, or the fault of the API that it has ended with. */
type Outcome = 'done' | { fault: string }

/** Moves and deletes files, which the server does as tasks. */
export interface FileManager {
  remove(place: Place): Promise<'gone' | 'in-use'>
  /** False where there is a file of the new name already. */
  move(from: Place, to: Place): Promise<boolean>
}

const FIRST_LOOK_MS = 50
const MAX_TASK_MS = 10 * 60_000
const IN_USE = ['FileLocked', 'ResourceInUse']

const problem = z.object({ fault: z.object({ '@type': z.string() }) })

export function createFileManager(
  session: Session,
  inventory: Inventory,
  pollSeconds: number,
): FileManager {
  async function run(build: (content: Content) => string, once: boolean): Promise<Outcome> {
    const { data: task } = reference.safeParse((await session.call(build, { once }))[0])
    if (!task) throw new Error(`${session.server} begins no task for what it is asked`)
    return outcomeOf(session, task, pollSeconds * 1000)
  }

  function failed(what: string, { fault }: { fault: string }): Error {
    return new Error(`${session.server} cannot ${what}: ${fault}`)
  }

  return {
    async remove(place) {
      const name = datastorePath(place)
      const datacenter = await inventory.datacenter(place.datastore.datacenter)
      const file = element('name', name) + referenceElement('datacenter', datacenter)
      const outcome = await run(
        ({ fileManager }) => callOf('DeleteDatastoreFile_Task', fileManager, file),
        false,
      )
      if (outcome === 'done' || outcome.fault === 'FileNotFound') return 'gone'
      if (IN_USE.includes(outcome.fault)) return 'in-use'
      throw failed(`delete "${name}"`, outcome)
    },

    async move(from, to) {
      const datacenter = await inventory.datacenter(from.datastore.datacenter)
      const files =
        element('sourceName', datastorePath(from)) +
        referenceElement('sourceDatacenter', datacenter) +
        element('destinationName', datastorePath(to)) +
        referenceElement('destinationDatacenter', datacenter) +
        element('force', 'false')
      const outcome = await run(
        ({ fileManager }) => callOf('MoveDatastoreFile_Task', fileManager, files),
        true,
      )
      if (outcome === 'done') return true
      if (outcome.fault === 'FileAlreadyExists') return false
      throw failed(`move "${datastorePath(from)}"`, outcome)
    },
  }
}

async function outcomeOf(session: Session, task: Reference, pollMs: number): Promise<Outcome> {
  const until = performance.now() + MAX_TASK_MS
  let pause = FIRST_LOOK_MS
  for (;;) {
    const state = (await textsOf(session, task, ['info.state'])).get('info.state')
    if (state === 'success') return 'done'
    if (state === 'error') {
      const error = (await propertiesOf(session, task, ['info.error'])).get('info.error')
      return { fault: problem.safeParse(error).data?.fault['@type'] ?? 'unknown' }
    }
    if (performance.now() > until) throw new Error(`${session.server} does not end a task`)
    await sleep(Math.min(pause, pollMs), new AbortController().signal)
    pause *= 2
  }
}
