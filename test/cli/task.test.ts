import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { imageProperties, images, tasks } from '../../schema/tables.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'
import { heliostat } from './heliostat.ts'

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

const run = (...args: string[]) =>
  heliostat(['task', ...args], { HELIOSTAT_DATABASE__CONNECTION: `sqlite:///${site.file}` })

/** An import that another process does. */
async function addImport() {
  const image = queuedRow({ status: 'importing' })
  await site.registry.insert(images).values(image)
  const at = Date.now()
  const task = {
    id: crypto.randomUUID(),
    type: 'api_image_import',
    status: 'processing',
    image_id: image.id,
    input: { image_id: image.id, import_req: { method: { name: 'web-download' } }, backend: [] },
    message: 'Copied 3 MiB of 6 MiB (50 %)',
    runner: crypto.randomUUID(),
    created_at: at,
    updated_at: at,
  } as const
  await site.registry.insert(tasks).values(task)
  const lock = { image_id: image.id, name: 'os_glance_import_task', value: task.id }
  await site.registry.insert(imageProperties).values(lock)
  return { id: task.id, imageId: image.id }
}

describe('heliostat task', () => {
  it('lists imports, and how far they are', async () => {
    const { id, imageId } = await addImport()
    const { code, stdout } = await run('list', '--status', 'processing', '--image', imageId)
    assert.equal(code, 0)
    const [, line = ''] = stdout.trimEnd().split('\n')
    assert.match(
      line,
      new RegExp(
        `^${id}  ${imageId}  web-download  processing  20\\d\\d-.*Z  Copied 3 MiB of 6 MiB \\(50 %\\)$`,
      ),
    )
    const json = JSON.parse((await run('list', '--json')).stdout)
    assert.ok(json.some((task: { id: string }) => task.id === id))
  })

  it('shows all of one', async () => {
    const { id, imageId } = await addImport()
    const shown = JSON.parse((await run('show', id)).stdout)
    assert.deepEqual([shown.id, shown.image_id, shown.status], [id, imageId, 'processing'])
    assert.ok(!('runner' in shown))
  })

  it('cancels one, once, and the image is queued again', async () => {
    const { id, imageId } = await addImport()
    const { code, stdout } = await run('cancel', id)
    assert.deepEqual(
      [code, stdout],
      [0, `Task ${id} is cancelled; whoever does it stops within seconds\n`],
    )
    const task = (await site.registry.select().from(tasks)).find((row) => row.id === id)
    assert.deepEqual(
      [task?.status, task?.message],
      ['failure', 'The import was cancelled by an operator'],
    )
    const image = (await site.registry.select().from(images)).find((row) => row.id === imageId)
    assert.equal(image?.status, 'queued')
    const again = await run('cancel', id)
    assert.deepEqual(
      [again.code, again.stderr],
      [1, `heliostat: Task ${id} has ended already, its status is "failure"\n`],
    )
  })

  it('says what is not there', async () => {
    const { code, stderr } = await run('show', 'nothing')
    assert.deepEqual(
      [code, stderr],
      [1, 'heliostat: There is no task nothing: see heliostat task list\n'],
    )
  })
})
