import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { images } from '../../../schema/tables.ts'
import { parseManifest } from '../../../src/blobs/manifest.ts'
import { changes as changesShape } from '../../../src/mirror/feed/records.ts'
import { takeChanges } from '../../../src/mirror/follow/catch-up.ts'
import { createReplica, type Replica } from '../../../src/mirror/follow/replica.ts'
import { purgeDeleted, purgeImages } from '../../../src/registry/purge.ts'
import {
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  shareImage,
  showImage,
  storedChunks,
} from '../../support/images.ts'
import { createTestSite, type TestSite } from '../../support/site.ts'

let origin: TestSite
let edge: TestSite
let replica: Replica
beforeEach(async () => {
  origin = await createTestSite({
    DEFAULT: { delayed_delete: 'true' },
    mirror: { tokens: 'secret' },
  })
  edge = await createTestSite({ mirror: { upstream: 'http://origin.example' } })
  replica = createReplica(edge.registry)
})
afterEach(async () => {
  await origin.close()
  await edge.close()
})

async function read(path: string): Promise<string> {
  const headers = { Authorization: 'Bearer secret' }
  const response = await origin.request(`/mirror/v1/${path}`, { headers })
  assert.equal(response.status, 200)
  return response.text()
}

/** Brings the edge up to date, and its chunks too. */
async function follow(): Promise<void> {
  const upstream = {
    changes: async (after: number) =>
      changesShape.parse(JSON.parse(await read(`changes?after=${after}`))),
    manifest: async (digest: string) => parseManifest(await read(`manifests/${digest}`)),
    snapshot: () => Promise.reject(new Error('No snapshot is needed')),
  }
  const { signal } = new AbortController()
  const { epoch } = await upstream.changes(0)
  const cursor = (await replica.cursor()) ?? { epoch, seq: 0, sites: [] }
  const head = { epoch, seq: 0, time: Date.now(), sites: ['origin'] }
  assert.ok(await takeChanges({ upstream, replica, signal }, cursor, head))
}

const statusAt = async (site: TestSite, id: string) =>
  (await site.request(`/v2/images/${id}`)).status

const statusesAtEdge = async () =>
  (await edge.registry.select().from(images)).map(({ status }) => status)

/** As a reader makes the chunks of an image lie at the edge. */
async function fetchChunks(): Promise<void> {
  for (const digest of await storedChunks(origin)) {
    const bytes = await new Response(await origin.store.get(digest)).arrayBuffer()
    await edge.store.put(digest, new Uint8Array(bytes))
  }
}

describe('an edge', () => {
  it('drops an image whose deletion is delayed, and its bytes', async () => {
    const { id } = await createActiveImage(origin, 'data')
    await follow()
    await fetchChunks()
    assert.equal((await showImage(edge, id)).status, 'active')
    await deleteImage(origin, id)
    await follow()
    assert.equal(await statusAt(edge, id), 404)
    assert.deepEqual((await (await edge.request('/v2/images')).json()).images, [])
    assert.equal((await downloadData(edge, id)).status, 404)
    await edge.services.sweeper.sweep(0)
    assert.deepEqual(await storedChunks(edge), [])
  })

  it('serves a restored image again, with its bytes', async () => {
    const { id } = await createActiveImage(origin, 'data', { tags: ['a'], os_distro: 'x' })
    await shareImage(origin, id, 'bob')
    await follow()
    const before = await showImage(edge, id)
    await deleteImage(origin, id)
    await follow()
    await edge.services.sweeper.sweep(0)
    await origin.services.images.restore(id, Date.now())
    await follow()
    await fetchChunks()
    const after = await showImage(edge, id)
    assert.deepEqual({ ...after, updated_at: null }, { ...before, updated_at: null })
    assert.equal(await (await downloadData(edge, id)).text(), 'data')
    const [told] = await edge.services.feed.page('')
    assert.deepEqual(told, (await origin.services.feed.page(''))[0])
  })

  it('deletes for good when its origin does, and not by itself', async () => {
    const { id } = await createActiveImage(origin, 'data')
    await deleteImage(origin, id)
    await follow()
    assert.deepEqual(await statusesAtEdge(), ['pending_delete'])
    await origin.services.images.deletePending(Date.now())
    await follow()
    assert.deepEqual(await statusesAtEdge(), ['deleted'])
  })

  it('that slept through a deletion hears of it although the record is purged', async () => {
    const { id } = await createActiveImage(origin, 'data')
    await follow()
    await purge(origin, id)
    await follow()
    assert.equal(await statusAt(edge, id), 404)
    assert.deepEqual(await statusesAtEdge(), ['deleted'])
    assert.equal((await edge.services.feed.changes(0)).changes[0]?.image.status, 'deleted')
  })

  it('takes over the new image of an id that was purged and used again', async () => {
    const { id } = await createActiveImage(origin, 'old', { tags: ['old'], os_distro: 'old' })
    await follow()
    await purge(origin, id)
    await createImage(origin, { id, name: 'new' })
    await follow()
    const image = await showImage(edge, id)
    assert.deepEqual(image, await showImage(origin, id))
    assert.deepEqual([image['name'], image.status, image.tags], ['new', 'queued', []])
    assert.equal((await downloadData(edge, id)).status, 204)
  })

  it('that has purged the id of a deleted image itself takes over its new image too', async () => {
    const { id } = await createActiveImage(origin, 'old')
    await purge(origin, id)
    await follow()
    for await (const { rows } of purgeImages(edge.registry, everything())) assert.equal(rows, 1)
    await createImage(origin, { id, name: 'new' })
    await follow()
    assert.equal((await showImage(edge, id))['name'], 'new')
  })
})

const everything = () => ({ before: Date.now() + 1, maxRows: Infinity })

/** Deletes an image so that nothing at all is left of it. */
async function purge(site: TestSite, id: string): Promise<void> {
  await deleteImage(site, id)
  await site.services.images.deletePending(Date.now())
  for await (const _ of purgeDeleted(site.registry, everything()));
  for await (const { rows } of purgeImages(site.registry, everything())) assert.equal(rows, 1)
}
