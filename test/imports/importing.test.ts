import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it, mock } from 'node:test'
import { eq } from 'drizzle-orm'
import { imageLocations, tasks } from '../../schema/tables.ts'
import { qcow2Header } from '../blobs/inspect/headers.ts'
import {
  BARE_QCOW2,
  BARE_RAW,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  showImage,
  storedChunks,
} from '../support/images.ts'
import { importedImage, importImage, stageData, tasksOf } from '../support/imports.ts'
import { randomData } from '../support/random-data.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const NAMED = {
  DEFAULT: { enabled_backends: 'one:file, two:file, three:file, web:http' },
  glance_store: { default_backend: 'one' },
  one: { filesystem_store_datadir: '/one' },
  two: { filesystem_store_datadir: '/two' },
  three: { filesystem_store_datadir: '/three' },
  heliostat: { chunk_size: '1MB' },
}

let site: TestSite
before(async () => {
  site = await createTestSite(NAMED)
})
after(() => site.close())
afterEach(() => mock.restoreAll())

async function stagedImage(bytes: BodyInit, attributes = {}): Promise<string> {
  const { id } = await createImage(site, { ...BARE_RAW, ...attributes })
  assert.equal((await stageData(site, id, bytes)).status, 204)
  return id
}

/** Has a store refuse to be written, as a disk that is gone does. */
function breakStore(id: string): void {
  mock.method(site.memoryOf(id), 'put', async () => {
    throw new Error('The disk is gone')
  })
}

async function bytesOf(id: string): Promise<Buffer> {
  return Buffer.from(await (await downloadData(site, id)).arrayBuffer())
}

async function hasLeft(id: string): Promise<object> {
  const { status, size, checksum, os_hash_value: hash } = await showImage(site, id)
  return { status, size, checksum, hash }
}

const QUEUED = { status: 'queued', size: null, checksum: null, hash: null }

describe('import of staged data', () => {
  it('copies nothing within a store of chunks', async () => {
    const bytes = randomData(3 << 20)
    const id = await stagedImage(bytes)
    const put = mock.method(site.memoryOf('one'), 'put')
    assert.equal((await importImage(site, id, 'glance-direct')).status, 202)
    const { task, image } = await importedImage(site, id)
    assert.deepEqual([task.status, task.message], ['success', ''])
    assert.equal(put.mock.callCount(), 0)
    const { status, size, stores, os_glance_import_task: lock } = image
    assert.deepEqual(
      { status, size, stores, lock },
      { status: 'active', size: bytes.length, stores: 'one', lock: undefined },
    )
    assert.deepEqual(
      [image['os_glance_importing_to_stores'], image['os_glance_failed_import']],
      ['', ''],
    )
    assert.deepEqual(await bytesOf(id), bytes)
  })

  it('is told by a task of the request', async () => {
    const id = await stagedImage('told')
    const response = await importImage(site, id, {
      method: { name: 'glance-direct' },
      stores: ['two'],
    })
    const { task } = await importedImage(site, id)
    assert.equal(task['request_id'], response.headers.get('X-Openstack-Request-Id'))
    assert.deepEqual([task.type, task['owner'], task['image_id']], ['api_image_import', null, id])
    assert.deepEqual(task.input, {
      image_id: id,
      import_req: { method: { name: 'glance-direct' }, stores: ['two'] },
      backend: ['two'],
    })
    assert.match(String(task['expires_at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
  })

  it('goes to all stores, and is told of none before all have it', async () => {
    const bytes = randomData(2 << 20)
    const id = await stagedImage(bytes)
    const seen = new Set<unknown>()
    const put = site.memoryOf('three').put
    mock.method(site.memoryOf('three'), 'put', async (digest: string, chunk: Uint8Array) => {
      const { status, stores, os_glance_importing_to_stores: left } = await showImage(site, id)
      seen.add(`${status} ${stores} ${String(left)}`)
      await put(digest, chunk)
    })
    await importImage(site, id, { method: { name: 'glance-direct' }, all_stores: true })
    const { image } = await importedImage(site, id)
    assert.equal(image.stores, 'one,two,three')
    assert.deepEqual([...seen], ['importing undefined three'])
  })

  it('leaves no copy where it was staged when it goes elsewhere', async () => {
    const id = await stagedImage(randomData(1 << 20))
    await importImage(site, id, { method: { name: 'glance-direct' }, stores: ['two'] })
    assert.equal((await importedImage(site, id)).image.stores, 'two')
    const before = await storedChunks({ store: site.memoryOf('one') })
    const lies = await storedChunks({ store: site.memoryOf('two') })
    await site.services.sweeper.sweep(0)
    const after = await storedChunks({ store: site.memoryOf('one') })
    const gone = before.filter((digest) => !after.includes(digest))
    assert.ok(gone.length > 0 && gone.every((digest) => lies.includes(digest)))
  })

  it('fails where one store fails, and the image is queued without data', async () => {
    breakStore('two')
    const id = await stagedImage(randomData(1 << 20))
    await importImage(site, id, { method: { name: 'glance-direct' }, all_stores: true })
    const { task, image } = await importedImage(site, id)
    assert.deepEqual([task.status, task.message], ['failure', 'The disk is gone'])
    assert.deepEqual(await hasLeft(id), QUEUED)
    assert.equal(image['os_glance_failed_import'], 'one,three,two')
    assert.equal(image['os_glance_import_task'], undefined)
    mock.restoreAll()
    // At once, and from the beginning.
    assert.equal((await stageData(site, id, 'again')).status, 204)
    assert.equal((await importImage(site, id, 'glance-direct')).status, 202)
    assert.equal((await importedImage(site, id)).image.status, 'active')
  })

  it('succeeds with some stores where not all must', async () => {
    const id = await stagedImage(randomData(1 << 20))
    breakStore('two')
    const asked = { method: { name: 'glance-direct' }, all_stores_must_succeed: false }
    await importImage(site, id, { ...asked, stores: ['two', 'three'] })
    const { task, image } = await importedImage(site, id)
    assert.equal(task.status, 'success')
    assert.deepEqual(
      [image.status, image.stores, image['os_glance_failed_import']],
      ['active', 'three', 'two'],
    )
  })

  it('drops the lock where all stores fail although none must', async () => {
    const id = await stagedImage(randomData(1 << 20))
    breakStore('two')
    breakStore('three')
    const asked = { method: { name: 'glance-direct' }, all_stores_must_succeed: false }
    await importImage(site, id, { ...asked, stores: ['two', 'three'] })
    const { task, image } = await importedImage(site, id)
    assert.deepEqual(
      [task.status, task.message],
      ['failure', 'The image could be written to none of: two, three'],
    )
    assert.deepEqual([image.status, image['os_glance_import_task']], ['queued', undefined])
  })

  it('takes an empty image', async () => {
    const id = await stagedImage('')
    await importImage(site, id, 'glance-direct')
    const { image } = await importedImage(site, id)
    assert.deepEqual([image.status, image.size], ['active', 0])
  })

  it('tells the virtual size', async () => {
    const header = qcow2Header({ size: 5n << 20n })
    const id = await stagedImage(Uint8Array.from(header), BARE_QCOW2)
    await importImage(site, id, 'glance-direct')
    assert.equal((await importedImage(site, id)).image['virtual_size'], 5 << 20)
  })

  it('is one at a time [409], and ends with its image', async () => {
    const id = await stagedImage(randomData(1 << 20))
    let release = () => undefined as void
    const held = new Promise<void>((resolve) => (release = resolve))
    mock.method(site.memoryOf('two'), 'put', () => held)
    await importImage(site, id, { method: { name: 'glance-direct' }, stores: ['two'] })
    const again = await importImage(site, id, { method: { name: 'glance-direct' } })
    assert.equal(again.status, 409)
    const image = await showImage(site, id)
    assert.deepEqual([image.status, image['os_glance_importing_to_stores']], ['importing', 'two'])
    assert.equal(image['os_glance_import_task'], (await tasksOf(site, id))[0]?.id)
    assert.equal((await deleteImage(site, id)).status, 204)
    release()
    await site.services.importer.settled()
    const rows = await site.registry.select().from(tasks).all()
    const own = rows.find((row) => row.image_id === id)
    assert.deepEqual(
      [own?.status, own?.message],
      ['failure', `Image ${id} was deleted while it was imported`],
    )
  })
})

describe('copy of an image by an import', () => {
  const copyTo = (stores: string[], must = true) => ({
    method: { name: 'copy-image' },
    stores,
    all_stores_must_succeed: must,
  })

  it('leaves the image active, with a copy more', async () => {
    const { id } = await createActiveImage(site, 'copied')
    assert.equal((await importImage(site, id, copyTo(['two', 'three']))).status, 202)
    assert.equal((await showImage(site, id)).status, 'active')
    const { task, image } = await importedImage(site, id)
    assert.deepEqual([task.status, image.stores], ['success', 'one,two,three'])
  })

  it('takes away what it has copied where a store fails that must not', async () => {
    const { id } = await createActiveImage(site, 'copied back')
    breakStore('three')
    await importImage(site, id, copyTo(['two', 'three']))
    const { task, image } = await importedImage(site, id)
    assert.deepEqual([task.status, image.status, image.stores], ['failure', 'active', 'one'])
    assert.equal(await (await downloadData(site, id)).text(), 'copied back')
  })

  it('keeps it where that may be', async () => {
    const { id } = await createActiveImage(site, 'kept')
    breakStore('two')
    await importImage(site, id, copyTo(['two', 'three'], false))
    const { task, image } = await importedImage(site, id)
    assert.deepEqual(
      [task.status, image.stores, image['os_glance_failed_import']],
      ['success', 'one,three', 'two'],
    )
  })
})

describe('import whose process has died', () => {
  /** As a process leaves it that is killed: it is not heard of any more. */
  async function stopAll(): Promise<void> {
    await site.services.importer.stop()
    mock.restoreAll()
  }

  it('goes on in another one', async () => {
    const bytes = randomData(2 << 20)
    const id = await stagedImage(bytes)
    mock.method(
      site.memoryOf('two'),
      'put',
      () => new Promise((resolve) => setTimeout(resolve, 500)),
    )
    await importImage(site, id, { method: { name: 'glance-direct' }, stores: ['two'] })
    await stopAll()
    const image = await showImage(site, id)
    assert.equal(image.status, 'importing')
    await site.services.importer.recover()
    const { task, image: imported } = await importedImage(site, id)
    assert.deepEqual([task.status, imported.status, imported.stores], ['success', 'active', 'two'])
    assert.deepEqual(await bytesOf(id), bytes)
  })

  it('is given up after some attempts', async () => {
    const id = await stagedImage('again and again')
    mock.method(
      site.memoryOf('two'),
      'put',
      () => new Promise((resolve) => setTimeout(resolve, 300)),
    )
    await importImage(site, id, { method: { name: 'glance-direct' }, stores: ['two'] })
    await stopAll()
    await site.registry.update(tasks).set({ attempts: 5 })
    await site.services.importer.recover()
    const { task } = await importedImage(site, id)
    assert.equal(task.status, 'failure')
    assert.match(task.message, /^The import was broken off 5 times/)
    assert.deepEqual(await hasLeft(id), QUEUED)
  })
})

describe('staged data', () => {
  it('cannot be imported before all of it has come [409]', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const ended = new AbortController()
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(randomData(1 << 20))
        ended.signal.addEventListener('abort', () => controller.error(new Error('gone')))
      },
    })
    const staging = stageData(site, id, body)
    while ((await showImage(site, id)).status !== 'uploading') await new Promise(setImmediate)
    const early = await importImage(site, id, 'glance-direct')
    assert.deepEqual(
      [early.status, await errorMessage(early)],
      [409, "Image needs to be staged before 'glance-direct' method can be used"],
    )
    ended.abort()
    await staging
    assert.deepEqual(await hasLeft(id), QUEUED)
  })

  it('is given up when nobody imports it for some hours', async () => {
    const left = await stagedImage('left')
    const waiting = await stagedImage('waiting')
    const old = { updated_at: Date.now() - 49 * 3_600_000 }
    await site.registry.update(imageLocations).set(old).where(eq(imageLocations.image_id, left))
    await site.services.importer.giveUpStaged()
    assert.deepEqual(await hasLeft(left), QUEUED)
    assert.equal((await showImage(site, waiting)).status, 'uploading')
    assert.equal((await stageData(site, left, 'again')).status, 204)
  })
})
