import assert from 'node:assert/strict'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { chunkFiles } from '../faults/data.ts'
import {
  actOn,
  BARE_RAW,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { MIB, siteAt, startEdge, startOrigin, temporaryFolders } from '../support/mirrors.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const MEMBER = asCaller('alice')

type Site = Pick<TestSite, 'request'>

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let originProcess: RunningProcess
let edgeProcess: RunningProcess
let origin: Site
let edge: Site
let edgeData = ''

before(async () => {
  folders = await temporaryFolders(2)
  const [originData = '', edgeFolder = ''] = folders.paths
  edgeData = edgeFolder
  originProcess = await startOrigin(originData)
  edgeProcess = await startEdge(edgeData, originProcess.url, environmentOf(TRUSTED))
  origin = siteAt(originProcess.url)
  edge = siteAt(edgeProcess.url)
})
after(async () => {
  await Promise.all([edgeProcess.stop(), originProcess.stop()])
  await folders.remove()
})

function call(site: Site, method: string, path: string, headers = {}): Promise<Response> {
  return site.request(path, { method, headers: { Accept: 'application/json', ...headers } })
}

const asAdmin = (method: string, path: string, headers = {}) =>
  call(edge, method, path, { ...ADMIN, ...headers })

interface CacheList {
  cached_images: {
    image_id: string
    size: number
    hits: number
    last_accessed: number
    last_modified: number
    checksum: string
  }[]
  queued_images: string[]
}

async function list(): Promise<CacheList> {
  const response = await asAdmin('GET', '/v2/cache')
  assert.equal(response.status, 200)
  return response.json()
}

async function entryOf(id: string) {
  return (await list()).cached_images.find(({ image_id }) => image_id === id) ?? null
}

const untilCached = (id: string) => eventually(`${id} is cached`, 8_000, () => entryOf(id))

/** A public image of random bytes, known at the edge. */
async function publish(bytes = new Uint8Array(randomData(2 * MIB))): Promise<string> {
  const { id } = await createImage(origin, { ...BARE_RAW, visibility: 'public' })
  assert.equal((await uploadData(origin, id, bytes)).status, 204)
  await untilKnown(id, 'active')
  return id
}

function untilKnown(id: string, status: string): Promise<true> {
  return eventually(`${id} is ${status} at the edge`, 5_000, async () => {
    const response = await asAdmin('GET', `/v2/images/${id}`)
    const image = await response.json()
    return (response.ok ? image.status : 'gone') === status ? true : null
  })
}

async function read(id: string): Promise<void> {
  const response = await downloadData(edge, id, ADMIN)
  assert.equal(response.status, 200)
  await response.arrayBuffer()
}

describe('an image at an edge', () => {
  it('is listed as cached once all of it was read (200)', async () => {
    const id = await publish()
    assert.equal(await entryOf(id), null)
    const startedAt = Date.now() / 1000
    await read(id)
    await read(id)
    const entry = await entryOf(id)
    assert.equal(entry?.size, 2 * MIB)
    assert.equal(entry.hits, 2)
    assert.ok(entry.last_accessed >= startedAt && entry.last_modified <= startedAt)
    assert.match(entry.checksum, /^[0-9a-f]{32}$/)
  })

  it('is not listed as cached when only a part was read', async () => {
    const id = await publish()
    const range = await downloadData(edge, id, { ...ADMIN, Range: 'bytes=0-9' })
    assert.equal(range.status, 206)
    await range.arrayBuffer()
    assert.equal(await entryOf(id), null)
  })
})

describe('GET /v2/cache', () => {
  it('has the two keys of Glance and no other, what is queued being the last (200)', async () => {
    assert.deepEqual(Object.keys(await list()), ['cached_images', 'queued_images'])
  })
})

describe('GET /v2/cache/prefetch', () => {
  it('tells how far the fetching of pinned images is (200)', async () => {
    const id = await publish()
    await asAdmin('PUT', `/v2/cache/${id}`)
    await untilCached(id)
    const status = await eventually('all is fetched', 5_000, async () => {
      const response = await asAdmin('GET', '/v2/cache/prefetch')
      assert.equal(response.status, 200)
      const told = await response.json()
      return told.state === 'idle' ? told : null
    })
    assert.deepEqual(status, { state: 'idle', queue: [], too_large: [], error: null })
  })

  it('is for administrators (403)', async () => {
    assert.equal((await call(edge, 'GET', '/v2/cache/prefetch', MEMBER)).status, 403)
  })
})

describe('PUT /v2/cache/{id}', () => {
  it('has the image fetched in the background (202)', async () => {
    const id = await publish()
    const response = await asAdmin('PUT', `/v2/cache/${id}`)
    assert.equal(response.status, 202)
    assert.equal(await response.text(), '')
    assert.equal((await untilCached(id)).hits, 0)
    assert.ok(!(await list()).queued_images.includes(id))
  })

  it('is no error for an image that is cached (202)', async () => {
    const id = await publish()
    await read(id)
    assert.equal((await asAdmin('PUT', `/v2/cache/${id}`)).status, 202)
  })

  it('knows no unknown image (404)', async () => {
    const response = await asAdmin('PUT', `/v2/cache/${UNKNOWN_ID}`)
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `Image ${UNKNOWN_ID} not found.`)
  })

  it('tells members of an unknown image before it refuses them (404)', async () => {
    const response = await call(edge, 'PUT', `/v2/cache/${UNKNOWN_ID}`, MEMBER)
    assert.equal(response.status, 404)
  })

  it('is for administrators (403)', async () => {
    const id = await publish()
    const response = await call(edge, 'PUT', `/v2/cache/${id}`, MEMBER)
    assert.equal(response.status, 403)
    const text = 'You are not authorized to complete cache_image action.'
    assert.equal(await errorMessage(response), text)
  })

  it('refuses an image that is not active (400)', async () => {
    const id = await publish()
    await actOn(origin, id, 'deactivate')
    await untilKnown(id, 'deactivated')
    const response = await asAdmin('PUT', `/v2/cache/${id}`)
    assert.equal(response.status, 400)
    const text = 'Only images with status active can be targeted for queueing'
    assert.equal(await errorMessage(response), text)
  })
})

describe('DELETE /v2/cache/{id}', () => {
  it('removes the bytes of a pinned image (204)', async () => {
    const id = await publish()
    await asAdmin('PUT', `/v2/cache/${id}`)
    await untilCached(id)
    const files = await chunkFiles(edgeData)
    assert.equal((await asAdmin('DELETE', `/v2/cache/${id}`)).status, 204)
    assert.equal(await entryOf(id), null)
    assert.ok(!(await list()).queued_images.includes(id))
    assert.equal((await chunkFiles(edgeData)).length, files.length - 2)
  })

  it('leaves the chunks that another pinned image needs (204)', async () => {
    const shared = randomData(MIB)
    const pinned = await publish(new Uint8Array(Buffer.concat([shared, randomData(MIB)])))
    const other = await publish(new Uint8Array(Buffer.concat([shared, randomData(MIB)])))
    await asAdmin('PUT', `/v2/cache/${pinned}`)
    await untilCached(pinned)
    await read(other)
    const files = await chunkFiles(edgeData)
    assert.equal((await asAdmin('DELETE', `/v2/cache/${other}`)).status, 204)
    assert.equal((await chunkFiles(edgeData)).length, files.length - 1)
    assert.notEqual(await entryOf(pinned), null)
  })

  it('is no error for an image that is not cached (204)', async () => {
    const id = await publish()
    assert.equal((await asAdmin('DELETE', `/v2/cache/${id}`)).status, 204)
  })

  it('knows no unknown image (404)', async () => {
    const response = await asAdmin('DELETE', `/v2/cache/${UNKNOWN_ID}`)
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `Image ${UNKNOWN_ID} not found.`)
  })

  it('forgets an image that was deleted while it was pinned (204, then 404)', async () => {
    const id = await publish()
    await asAdmin('PUT', `/v2/cache/${id}`)
    await deleteImage(origin, id)
    await untilKnown(id, 'gone')
    assert.equal((await asAdmin('DELETE', `/v2/cache/${id}`)).status, 204)
    assert.equal((await asAdmin('DELETE', `/v2/cache/${id}`)).status, 404)
  })

  it('is for administrators (403)', async () => {
    const id = await publish()
    assert.equal((await call(edge, 'DELETE', `/v2/cache/${id}`, MEMBER)).status, 403)
  })
})

describe('DELETE /v2/cache', () => {
  let cached: string
  beforeEach(async () => {
    cached = await publish()
    await asAdmin('PUT', `/v2/cache/${cached}`)
    await untilCached(cached)
  })

  it('removes everything that is cached (204)', async () => {
    assert.equal((await asAdmin('DELETE', '/v2/cache')).status, 204)
    assert.deepEqual((await list()).cached_images, [])
    assert.deepEqual((await list()).queued_images, [])
    assert.deepEqual(await chunkFiles(edgeData), [])
  })

  it('takes the word "cache" in any case (204)', async () => {
    const headers = { 'x-image-cache-clear-target': 'CACHE' }
    assert.equal((await asAdmin('DELETE', '/v2/cache', headers)).status, 204)
    assert.deepEqual((await list()).cached_images, [])
  })

  it('leaves what is cached when only the queue is cleared (204)', async () => {
    const headers = { 'x-image-cache-clear-target': 'queue' }
    assert.equal((await asAdmin('DELETE', '/v2/cache', headers)).status, 204)
    assert.notEqual(await entryOf(cached), null)
  })

  it('refuses any other target (400)', async () => {
    const headers = { 'x-image-cache-clear-target': 'all' }
    const response = await asAdmin('DELETE', '/v2/cache', headers)
    assert.equal(response.status, 400)
    const text =
      "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string."
    assert.equal(await errorMessage(response), text)
  })

  it('is for administrators, whatever the target (403)', async () => {
    const headers = { ...MEMBER, 'x-image-cache-clear-target': 'all' }
    assert.equal((await call(edge, 'DELETE', '/v2/cache', headers)).status, 403)
  })
})

describe('POST /v2/cache/clean', () => {
  it('removes what a write that broke off has left (200)', async () => {
    const id = await publish()
    await read(id)
    const [chunk = ''] = await chunkFiles(edgeData)
    const left = join(edgeData, 'chunks', chunk.slice(0, 2), `${chunk}.x.tmp`)
    await writeFile(left, 'half a chunk')
    await utimes(left, 0, 0)
    const response = await asAdmin('POST', '/v2/cache/clean')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Type'), 'text/html; charset=UTF-8')
    assert.equal(await response.text(), '')
    assert.ok(!(await chunkFiles(edgeData)).includes(`${chunk}.x.tmp`))
    assert.notEqual(await entryOf(id), null)
  })

  it('is for administrators (403)', async () => {
    assert.equal((await call(edge, 'POST', '/v2/cache/clean', MEMBER)).status, 403)
  })
})

describe('POST /v2/cache/prune', () => {
  it('has nothing to do below the limit (200)', async () => {
    const response = await asAdmin('POST', '/v2/cache/prune')
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { total_files_pruned: 0, total_bytes_pruned: 0 })
  })

  it('is for administrators (403)', async () => {
    assert.equal((await call(edge, 'POST', '/v2/cache/prune', MEMBER)).status, 403)
  })
})

describe('the paths below /v2/cache', () => {
  async function allowed(method: string, path: string): Promise<string | null> {
    const response = await asAdmin(method, path)
    assert.equal(response.status, 405)
    return response.headers.get('Allow')
  }

  it('tell which methods they know (405)', async () => {
    assert.equal(await allowed('POST', '/v2/cache'), 'GET, HEAD, DELETE')
    assert.equal(await allowed('GET', `/v2/cache/${UNKNOWN_ID}`), 'DELETE, PUT')
    assert.equal(await allowed('GET', '/v2/cache/clean'), 'POST')
    assert.equal(await allowed('PUT', '/v2/cache/clean'), 'POST')
    assert.equal(await allowed('DELETE', '/v2/cache/prune'), 'POST')
    assert.equal(await allowed('PUT', '/v2/cache/prefetch'), 'GET, HEAD')
    assert.equal(await allowed('PUT', '/v2/cache/nodes/x'), 'GET, HEAD')
    assert.equal(await allowed('HEAD', '/v2/cache/clean'), 'POST')
  })

  it('know no other nodes, for each site keeps its own (409)', async () => {
    const response = await asAdmin('GET', `/v2/cache/nodes/${UNKNOWN_ID}`)
    assert.equal(response.status, 409)
    assert.equal(await errorMessage(response), 'Centralized caching is not enabled')
  })

  it('are the only ones to which an edge takes writes (403)', async () => {
    assert.equal((await asAdmin('POST', '/v2/images')).status, 403)
    assert.equal((await asAdmin('PUT', '/v2/cachet/x')).status, 403)
  })
})

describe('the versions of a site with a cache', () => {
  it('are those of Glance with a cache (200)', async () => {
    const { versions } = await (await edge.request('/versions')).json()
    const ids = versions.map(({ id }: { id: string }) => id)
    assert.deepEqual(ids.slice(0, 7), ['v2.18', 'v2.17', 'v2.16', 'v2.15', 'v2.14', 'v2.9', 'v2.7'])
    assert.equal(versions[0].status, 'CURRENT')
    assert.equal((await asAdmin('GET', '/v2.18/cache')).status, 200)
  })
})

describe('a site that follows no other', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite(TRUSTED)
  })
  after(() => site.close())

  it('has no cache (404)', async () => {
    const response = await call(site, 'GET', '/v2/cache', ADMIN)
    assert.equal(response.status, 404)
    const text = 'Caching via API is not supported at this site.'
    assert.equal(await errorMessage(response), text)
    assert.equal((await call(site, 'DELETE', '/v2/cache', ADMIN)).status, 404)
    assert.equal((await call(site, 'POST', '/v2/cache/clean', ADMIN)).status, 404)
    assert.equal((await call(site, 'POST', '/v2/cache/prune', ADMIN)).status, 404)
    assert.equal((await call(site, 'GET', '/v2/cache/prefetch', ADMIN)).status, 404)
    assert.equal((await call(site, 'GET', '/v2/cache/nodes/x', ADMIN)).status, 404)
  })

  it('says so before it looks at the status of an image (404)', async () => {
    const { id } = await createImage(site, {}, ADMIN)
    const response = await call(site, 'PUT', `/v2/cache/${id}`, ADMIN)
    assert.equal(response.status, 404)
    assert.match(await errorMessage(response), /not supported/)
  })

  it('says so to administrators only (403)', async () => {
    assert.equal((await call(site, 'GET', '/v2/cache', MEMBER)).status, 403)
    assert.equal((await call(site, 'POST', '/v2/cache/prune', MEMBER)).status, 403)
  })

  it('knows no version with a cache (300)', async () => {
    assert.equal((await call(site, 'GET', '/v2.18/images', ADMIN)).status, 300)
  })
})
