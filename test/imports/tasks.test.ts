import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { tasks } from '../../schema/tables.ts'
import { BARE_RAW, createImage, downloadData, errorMessage, showImage } from '../support/images.ts'
import { endedTask, importImage, stageData, tasksOf } from '../support/imports.ts'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const OWNER = asCaller('owner')

let files: FileServer
let site: TestSite
before(async () => {
  files = await startFileServer()
  site = await createTestSite({
    ...TRUSTED,
    import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(files.url).port },
  })
})
after(async () => {
  await site.close()
  await files.close()
})

interface WireTask {
  id: string
  [key: string]: unknown
}

async function get(path: string, headers = ADMIN) {
  const response = await site.request(path, { headers: { Accept: 'application/json', ...headers } })
  const body = response.headers.get('Content-Type')?.startsWith('application/json')
    ? ((await response.clone().json()) as { tasks: WireTask[]; next?: string } & WireTask)
    : null
  return { response, status: response.status, body }
}

async function post(body: unknown, headers = ADMIN) {
  const response = await site.request('/v2/tasks', {
    method: 'POST',
    headers: { Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return response
}

async function importOf(text: string): Promise<string> {
  const { id } = await createImage(site, BARE_RAW, OWNER)
  await stageData(site, id, text, OWNER)
  await importImage(site, id, 'glance-direct', OWNER)
  await endedTask(site, id, OWNER)
  return id
}

describe('tasks', () => {
  it('are for administrators [403, 404, 405]', async () => {
    const unknown = '/v2/tasks/f0000000-0000-4000-8000-000000000000'
    assert.equal((await get('/v2/tasks', OWNER)).status, 403)
    assert.equal((await get(unknown, OWNER)).status, 403)
    const absent = await get(unknown)
    assert.equal(absent.status, 404)
    assert.match(await errorMessage(absent.response), /^Could not find task f0000000/)
    const remove = (headers: Record<string, string>) =>
      site.request(unknown, { method: 'DELETE', headers })
    assert.equal((await remove(OWNER)).status, 403)
    const refused = await remove(ADMIN)
    assert.deepEqual([refused.status, refused.headers.get('Allow')], [405, 'GET'])
  })

  it('are listed in short and shown whole', async () => {
    const image = await importOf('listed')
    const [own] = await tasksOf(site, image, OWNER)
    const { body: list } = await get('/v2/tasks?limit=1')
    const listed = list?.tasks[0]
    assert.ok(listed)
    assert.deepEqual(Object.keys(listed), [
      'id',
      'type',
      'status',
      'owner',
      'expires_at',
      'created_at',
      'updated_at',
      'self',
      'schema',
    ])
    assert.deepEqual([listed.id, listed['owner'], listed['status']], [own?.id, 'owner', 'success'])
    const { body: shown } = await get(`/v2/tasks/${listed.id}`)
    assert.deepEqual(
      [shown?.['image_id'], shown?.['message'], shown?.['result'], shown?.['user_id']],
      [image, '', null, 'user-of-owner'],
    )
    assert.deepEqual(shown?.['input'], own?.input)
  })

  it('are paged, sorted and filtered', async () => {
    for (const text of ['first', 'second', 'third']) await importOf(text)
    const all = (await get('/v2/tasks?sort_key=id&sort_dir=asc')).body?.tasks ?? []
    const ids = all.map(({ id }) => id)
    assert.deepEqual(ids, ids.toSorted())
    for (const sort of ['id', 'created_at', 'image_id', 'status', 'expires_at']) {
      for (const direction of ['asc', 'desc']) {
        const query = `sort_key=${sort}&sort_dir=${direction}`
        const wanted = (await get(`/v2/tasks?${query}`)).body?.tasks.map(({ id }) => id)
        const paged: string[] = []
        for (let path: string | undefined = `/v2/tasks?${query}&limit=2`; path;) {
          const { body }: Awaited<ReturnType<typeof get>> = await get(path)
          paged.push(...(body?.tasks ?? []).map(({ id }) => id))
          path = body?.next
        }
        assert.deepEqual(paged, wanted, query)
      }
    }
    assert.deepEqual((await get('/v2/tasks?status=failure')).body?.tasks, [])
  })

  const mistaken: [query: string, message: RegExp][] = [
    ['limit=-1', /^limit param must be positive/],
    ['marker=x', /^Invalid marker format/],
    [
      'marker=f0000000-0000-4000-8000-000000000000',
      /^Task with the given id f0000000-0000-4000-8000-000000000000 was not found/,
    ],
    ['sort_key=x', /^Sort key supplied was not valid/],
    ['sort_dir=up', /^Invalid sort direction: up/],
    ['type=x', /^Invalid type value: x/],
    ['status=x', /^Invalid status value: x/],
  ]
  for (const [query, message] of mistaken) {
    it(`refuse ${query} [400]`, async () => {
      const { response, status } = await get(`/v2/tasks?${query}`)
      assert.equal(status, 400)
      assert.match(await errorMessage(response), message)
    })
  }

  it('of an image are for those who may get it, and only those of their project [404]', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'community' }, OWNER)
    await stageData(site, id, 'x', ADMIN)
    await importImage(site, id, 'glance-direct', ADMIN)
    await endedTask(site, id, ADMIN)
    assert.deepEqual(await tasksOf(site, id, OWNER), [])
    const { id: hidden } = await createImage(site, BARE_RAW, OWNER)
    const path = `/v2/images/${hidden}/tasks`
    assert.equal((await get(path, asCaller('other'))).status, 404)
    const wrong = await site.request(path, { method: 'POST', headers: OWNER })
    assert.equal(wrong.status, 404)
  })

  it('are gone when their time has come', async () => {
    const image = await importOf('expired')
    await site.registry.update(tasks).set({ expires_at: 1 })
    assert.deepEqual(await tasksOf(site, image, OWNER), [])
    assert.deepEqual((await get('/v2/tasks')).body?.tasks, [])
    await site.services.tasks.deleteExpired()
    const rows = await site.registry.select().from(tasks)
    assert.ok(rows.length > 0 && rows.every((row) => row.deleted_at !== null))
  })
})

describe('task of the type import', () => {
  const input = (more = {}) => ({
    import_from: files.url,
    import_from_format: 'raw',
    image_properties: { name: 'by a task', container_format: 'bare', speed: '88mph' },
    ...more,
  })

  it('makes an image of what lies behind HTTP', async () => {
    const uri = files.put(new TextEncoder().encode('by a task'))
    const response = await post({ type: 'import', input: input({ import_from: uri }) })
    assert.equal(response.status, 201)
    const task = (await response.json()) as WireTask
    assert.equal(response.headers.get('Location'), `http://localhost/v2/tasks/${task.id}`)
    const id = String(task['image_id'])
    await endedTask(site, id, ADMIN)
    const { body: ended } = await get(`/v2/tasks/${task.id}`)
    assert.deepEqual([ended?.['status'], ended?.['result']], ['success', { image_id: id }])
    const { name, status, disk_format, speed } = await showImage(site, id, ADMIN)
    assert.deepEqual(
      { name, status, disk_format, speed },
      { name: 'by a task', status: 'active', disk_format: 'raw', speed: '88mph' },
    )
    assert.equal(await (await downloadData(site, id, ADMIN)).text(), 'by a task')
  })

  const mistakes: [body: () => unknown, message: RegExp][] = [
    [() => ({ input: {} }), /^Task 'type' is required/],
    [() => ({ type: 'import' }), /^Task 'input' is required/],
    [() => ({ type: 'x', input: {} }), /^Provided object does not match schema 'task': /],
    [
      () => ({ type: 'import', input: {}, y: 1 }),
      /^Provided object does not match schema 'task': /,
    ],
    [() => ({ type: 'import', input: {} }), /^Invalid location: None/],
    [
      () => ({ type: 'import', input: input({ import_from: 'file:///etc/passwd' }) }),
      /^File based imports are not allowed/,
    ],
    [
      () => ({ type: 'import', input: input({ import_from: 'ftp://host/x' }) }),
      /^The given uri is not valid/,
    ],
    [
      () => ({ type: 'import', input: input({ import_from: 'http://10.0.0.1/' }) }),
      /^URI for legacy import task does not pass filtering: http:\/\/10\.0\.0\.1\//,
    ],
  ]
  for (const [body, message] of mistakes) {
    it(`says what is wrong: ${message.source} [400]`, async () => {
      const response = await post(body())
      assert.equal(response.status, 400)
      assert.match(await errorMessage(response), message)
    })
  }

  it('is the only one that may be made', async () => {
    const response = await post({ type: 'api_image_import', input: {} })
    assert.equal(response.status, 201)
    assert.equal(((await response.json()) as WireTask)['status'], 'failure')
  })
})
