/** `kill -9` in the middle of imports of every kind. KILL_ROUNDS says how often (20 for a whole run). */
import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { env } from 'node:process'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { UPLOAD_LEASE_MS } from '../../src/inventory/leases.ts'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import { BARE_RAW, createImage, deleteImage, showImage, uploadData } from '../support/images.ts'
import { endedTask, importImage, stageData, tasksOf } from '../support/imports.ts'
import { startKeystone, type TestKeystone, tokenFor, usingKeystone } from '../support/keystone.ts'
import { siteAt } from '../support/mirrors.ts'
import { environmentOf } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { heliostat } from '../cli/heliostat.ts'
import { ageUnfinished, chunkFiles, openDatabase } from './data.ts'

const MIB = 1 << 20
const ROUNDS = Number(env['KILL_ROUNDS'] ?? 2)
/** Of each way in every round. */
const AT_ONCE = 2
/** All imports of a round take about as long. */
const ROUND_MS = 1_500
const SETTLED_MS = 30_000
const TOKEN = { 'X-Auth-Token': 'token-of-admin' }

const METHODS = ['glance-direct', 'web-download', 'copy-image', 'glance-download'] as const
type Method = (typeof METHODS)[number]

interface Asked {
  id: string
  method: Method
  bytes: Buffer<ArrayBuffer>
  /** What was asked for, to be asked for again. */
  body: object
}

let keystone: TestKeystone
let files: FileServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningProcess
let options: Record<string, string>

/** Bytes that come slowly enough to be killed over. */
async function sendSlowly(bytes: Buffer, send: (part: Buffer) => void): Promise<void> {
  for (let at = 0; at < bytes.length; at += MIB / 2) {
    send(bytes.subarray(at, at + MIB / 2))
    await setTimeout(50)
  }
}

before(async () => {
  ;[keystone, files, folder] = await Promise.all([
    startKeystone(),
    startFileServer(),
    temporaryFolder(),
  ])
  const roles = ['admin', 'member', 'reader'].map((name) => ({ id: name, name }))
  keystone.known.set(TOKEN['X-Auth-Token'], tokenFor({ roles }))
  const endpoint = { region: 'far', interface: 'public', url: files.url }
  keystone.find = (path) =>
    path === '/auth/catalog' ? { catalog: [{ type: 'image', endpoints: [endpoint] }] } : null
  options = environmentOf({
    ...usingKeystone(keystone),
    DEFAULT: {
      enabled_backends: 'one:file, two:file',
      enabled_import_methods: METHODS.join(','),
    },
    glance_store: { default_backend: 'one' },
    two: { filesystem_store_datadir: `${folder.path}/two` },
    heliostat: { chunk_size: '1MB', sweep_grace: '0' },
    import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(files.url).port },
  })
  server = await startOnNode(folder.path, options)
})
after(async () => {
  await server.kill()
  await Promise.all([keystone.close(), files.close(), folder.remove()])
})

const site = () => siteAt(server.url)

/** Where an image is that another region has, or a file; it is sent slowly. */
function serve(bytes: Buffer<ArrayBuffer>, path?: string): string {
  const uri = files.put(bytes, path)
  files.handle(uri, (_incoming, outgoing) => {
    outgoing.writeHead(200, { 'Content-Length': bytes.length })
    void sendSlowly(bytes, (part) => outgoing.write(part)).then(() => outgoing.end())
  })
  return uri
}

/** An image that is ready to be imported. */
async function prepare(method: Method): Promise<Asked> {
  const bytes = randomData(3 * MIB + randomInt(3 * MIB))
  const { id } = await createImage(site(), BARE_RAW, TOKEN)
  if (method === 'copy-image') {
    assert.equal((await uploadData(site(), id, bytes, TOKEN)).status, 204)
    return { id, method, bytes, body: { method: { name: method }, all_stores: true } }
  }
  if (method === 'glance-direct') {
    assert.equal((await stageData(site(), id, bytes, TOKEN)).status, 204)
    return { id, method, bytes, body: { method: { name: method }, stores: ['two', 'one'] } }
  }
  if (method === 'web-download') {
    const uri = serve(bytes)
    return { id, method, bytes, body: { method: { name: method, uri }, all_stores: true } }
  }
  const record = { ...BARE_RAW, status: 'active', size: bytes.length }
  files.put(Buffer.from(JSON.stringify(record)), `/v2/images/${id}`)
  serve(bytes, `/v2/images/${id}/file`)
  const far = { name: method, glance_region: 'far', glance_image_id: id }
  return { id, method, bytes, body: { method: far, all_stores: true } }
}

/** As if the time had passed after which what is silent counts as dead. */
function endLeases(): void {
  const database = openDatabase(folder.path)
  const lease = UPLOAD_LEASE_MS + 1
  database.run(`UPDATE uploads SET heartbeat_at = heartbeat_at - ${lease}`)
  database.run(`UPDATE tasks SET updated_at = updated_at - ${lease} WHERE runner IS NOT NULL`)
  database.run(
    `UPDATE image_locations SET updated_at = updated_at - ${lease} WHERE status = 'saving'`,
  )
  database.close()
}

function isSettled(): true | null {
  const database = openDatabase(folder.path)
  const running = database.column(
    `SELECT count(*) FROM tasks WHERE status IN ('pending', 'processing')`,
  )
  database.close()
  return running[0] === 0 || null
}

/** What became of an import: whole, or failed with its message and as if nobody had asked for it. */
async function requireWholeOrFailed({
  id,
  method,
  bytes,
}: Asked): Promise<'done' | 'failed' | 'not begun'> {
  const image = await showImage(site(), id, TOKEN)
  assert.equal(image['os_glance_import_task'], undefined)
  const [task] = await tasksOf(site(), id, TOKEN)
  if (!task) {
    assert.equal(
      image.status,
      { 'copy-image': 'active', 'glance-direct': 'uploading' }[method as string] ?? 'queued',
    )
    return 'not begun'
  }
  if (task.status === 'failure') {
    assert.notEqual(task.message, '')
    assert.deepEqual(
      [image.status, image.stores],
      method === 'copy-image' ? ['active', 'one'] : ['queued', undefined],
      task.message,
    )
    return 'failed'
  }
  assert.deepEqual([task.status, image.status, image.stores], ['success', 'active', 'one,two'])
  const response = await site().request(`/v2/images/${id}/file`, { headers: TOKEN })
  const md5 = createHash('md5')
    .update(Buffer.from(await response.arrayBuffer()))
    .digest('hex')
  assert.equal(md5, createHash('md5').update(bytes).digest('hex'))
  return 'done'
}

describe('kill -9 in the middle of imports', () => {
  it(`leaves each whole, or failed and ready to be asked for again, ${ROUNDS} times`, async (t) => {
    const outcomes = new Map<string, number>()
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = METHODS.flatMap((method) => Array.from({ length: AT_ONCE }, () => method))
      const asked = await Promise.all(wanted.map(prepare))
      const answers = asked.map(({ id, body }) =>
        importImage(site(), id, body, TOKEN).catch(() => null),
      )
      // What is staged takes no time.
      await setTimeout(randomInt(round % 2 === 0 ? ROUND_MS : 200))
      await server.kill()
      await Promise.all(answers)
      endLeases()
      server = await startOnNode(folder.path, options)
      await eventually('nothing is imported any more', SETTLED_MS, isSettled)
      for (const each of asked) {
        const outcome = await requireWholeOrFailed(each)
        const key = `${each.method} ${outcome}`
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
        if (outcome !== 'done') await importAgain(each)
      }
      await Promise.all(asked.map(({ id }) => deleteImage(site(), id, TOKEN)))
    }
    t.diagnostic([...outcomes].map(([what, times]) => `${what}: ${times}`).join(', '))
    await server.stop()
    for (const place of [folder.path, `${folder.path}/two`]) await ageUnfinished(place)
    const swept = await heliostat(
      ['db', 'sweep', '--grace', '0', '--data-dir', folder.path],
      options,
    )
    assert.equal(swept.code, 0, swept.stderr)
    assert.deepEqual(await chunkFiles(folder.path), [])
    assert.deepEqual(await chunkFiles(`${folder.path}/two`), [])
    const database = openDatabase(folder.path)
    for (const table of ['uploads', 'upload_chunks', 'image_locations', 'blobs']) {
      assert.deepEqual(database.column(`SELECT count(*) FROM ${table}`), [0], table)
    }
    database.close()
  })
})

/** At once, without a wait for any lock or lease. */
async function importAgain({ id, method, bytes, body }: Asked): Promise<void> {
  const { status } = await showImage(site(), id, TOKEN)
  if (method === 'glance-direct' && status === 'queued') {
    assert.equal((await stageData(site(), id, bytes, TOKEN)).status, 204)
  }
  const response = await importImage(site(), id, body, TOKEN)
  assert.equal(response.status, 202, await response.text())
  await eventually('the import has ended', SETTLED_MS, isSettled)
  const task = await endedTask(site(), id, TOKEN)
  assert.deepEqual([task.status, task.message], ['success', ''])
}
