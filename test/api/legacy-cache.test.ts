import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BARE_RAW, createImage, downloadData, UNKNOWN_ID, uploadData } from '../support/images.ts'
import { MIB, siteAt, startEdge, startOrigin, temporaryFolders } from '../support/mirrors.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, asCaller, createTestSite } from '../support/site.ts'

const MEMBER = asCaller('alice')

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let origin: RunningProcess
let edge: RunningProcess
let id: string

before(async () => {
  folders = await temporaryFolders(2)
  const [originData = '', edgeData = ''] = folders.paths
  origin = await startOrigin(originData)
  // What is pinned stays in the queue, outside the window.
  const window = windowAfter(new Date())
  const options = environmentOf({ ...TRUSTED, mirror: { prefetch_window: window } })
  edge = await startEdge(edgeData, origin.url, options)
  id = await publish()
})
after(async () => {
  await Promise.all([edge.stop(), origin.stop()])
  await folders.remove()
})

/** A minute of the day that is half a day away. */
function windowAfter(now: Date): string {
  const hour = String((now.getHours() + 12) % 24).padStart(2, '0')
  return `${hour}:00-${hour}:01`
}

function ask(method: string, path: string, headers = ADMIN): Promise<Response> {
  return fetch(`${edge.url}${path}`, {
    method,
    headers: { Accept: 'application/json', ...headers },
  })
}

async function answer(method: string, path: string): Promise<unknown> {
  const response = await ask(method, path)
  assert.equal(response.status, 200)
  return response.json()
}

async function publish(): Promise<string> {
  const site = siteAt(origin.url)
  const image = await createImage(site, { ...BARE_RAW, visibility: 'public' })
  await uploadData(site, image.id, randomData(MIB))
  await eventually('the edge knows it', 5_000, async () => {
    const response = await ask('GET', `/v2/images/${image.id}`)
    return response.ok && (await response.json()).status === 'active' ? true : null
  })
  return image.id
}

async function read(image = id): Promise<void> {
  await (await downloadData(siteAt(edge.url), image, ADMIN)).arrayBuffer()
}

describe('the older paths of a cache', () => {
  it('queue images, list them, and take them back (200)', async () => {
    assert.equal(await answer('PUT', `/v2/queued_images/${id}`), null)
    assert.deepEqual(await answer('GET', '/v2/queued_images'), { queued_images: [id] })
    assert.deepEqual(await answer('GET', '/v2/cached_images'), { cached_images: [] })
    assert.equal(await answer('DELETE', `/v2/cached_images/${id}`), null)
    assert.deepEqual(await answer('GET', '/v2/queued_images'), { queued_images: [id] })
    assert.equal(await answer('DELETE', `/v2/queued_images/${id}`), null)
    assert.deepEqual(await answer('GET', '/v2/queued_images'), { queued_images: [] })
  })

  it('tell how many images left the queue (200)', async () => {
    await answer('PUT', `/v2/queued_images/${id}`)
    assert.deepEqual(await answer('DELETE', '/v2/queued_images'), { num_deleted: 1 })
    assert.deepEqual(await answer('DELETE', '/v2/queued_images'), { num_deleted: 0 })
  })

  it('list what is cached, and remove one image or all (200)', async () => {
    const other = await publish()
    await read()
    await read(other)
    const { cached_images: listed } = await (await ask('GET', '/v2/cached_images')).json()
    const { cached_images: current } = await (await ask('GET', '/v2/cache')).json()
    assert.equal(listed.length, 2)
    assert.deepEqual(listed, current)
    assert.equal(await answer('DELETE', `/v2/queued_images/${id}`), null)
    assert.equal(await answer('DELETE', `/v2/cached_images/${id}`), null)
    assert.deepEqual(await answer('DELETE', '/v2/cached_images'), { num_deleted: 1 })
    assert.deepEqual(await answer('GET', '/v2/cached_images'), { cached_images: [] })
  })

  it('do not tell whether there is such an image (200)', async () => {
    for (const what of ['cached', 'queued']) {
      assert.equal(await answer('DELETE', `/v2/${what}_images/${UNKNOWN_ID}`), null)
    }
    assert.equal(await answer('PUT', `/v2/queued_images/${UNKNOWN_ID}`), null)
    assert.deepEqual(await answer('GET', '/v2/queued_images'), { queued_images: [] })
  })

  it('are for administrators (403)', async () => {
    const uses = [
      ['GET', '/v2/cached_images'],
      ['DELETE', '/v2/cached_images'],
      ['DELETE', `/v2/cached_images/${id}`],
      ['GET', '/v2/queued_images'],
      ['DELETE', '/v2/queued_images'],
      ['PUT', `/v2/queued_images/${id}`],
      ['DELETE', `/v2/queued_images/${id}`],
    ] as const
    for (const [method, path] of uses) {
      const response = await ask(method, path, MEMBER)
      assert.equal(response.status, 403, `${method} ${path}`)
      assert.match(await response.text(), /not authorized to complete manage_image_cache action/)
    }
  })

  it('know no other methods (404)', async () => {
    assert.equal((await ask('POST', '/v2/cached_images')).status, 404)
    assert.equal((await ask('GET', `/v2/queued_images/${id}`)).status, 404)
    assert.equal((await ask('PUT', `/v2/cached_images/${id}`)).status, 404)
  })

  it('are not there without a cache (404)', async () => {
    const site = await createTestSite(TRUSTED)
    for (const path of ['/v2/cached_images', '/v2/queued_images']) {
      assert.equal((await site.request(path, { headers: ADMIN })).status, 404)
      assert.equal((await site.request(path, { headers: MEMBER })).status, 404)
    }
    await site.close()
  })
})
