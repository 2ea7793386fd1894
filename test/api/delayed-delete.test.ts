import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { imageLocations, images } from '../../schema/tables.ts'
import { HeliostatError } from '../../src/errors.ts'
import { runUpkeep } from '../../src/runtime/upkeep.ts'
import {
  actOn,
  BARE_RAW,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  patchImage,
  postImage,
  shareImage,
  showImage,
  storedChunks,
  UNKNOWN_ID,
} from '../support/images.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
async function open() {
  site = await createTestSite({ DEFAULT: { delayed_delete: 'true', scrub_time: '60' } })
}

const close = () => site.close()

const rowOf = async (id: string) => {
  const rows = await site.registry.select().from(images)
  return rows.find((row) => row.id === id)
}

const restore = (id: string) => site.services.images.restore(id, Date.now())
/** Without the wait for scrub_time. */
const deletePending = (until = Date.now()) => site.services.images.deletePending(until)
const sweep = () => site.services.sweeper.sweep(0)

async function deleted(text = 'data'): Promise<string> {
  const { id } = await createActiveImage(site, text)
  assert.equal((await deleteImage(site, id)).status, 204)
  return id
}

describe('an image whose deletion is delayed', () => {
  beforeEach(open)
  afterEach(close)

  it('is gone for everybody, administrators too (404)', async () => {
    const id = await deleted()
    assert.equal((await rowOf(id))?.status, 'pending_delete')
    assert.equal((await site.request(`/v2/images/${id}`)).status, 404)
    assert.equal((await downloadData(site, id)).status, 404)
    assert.equal((await deleteImage(site, id)).status, 404)
    assert.equal((await patchImage(site, id, [])).status, 404)
    assert.equal((await actOn(site, id, 'deactivate')).status, 404)
    assert.equal((await site.request(`/v2/images/${id}/tags/a`, { method: 'PUT' })).status, 404)
    const lists = ['', '?status=pending_delete', '?visibility=all', `?id=in:${id}`]
    for (const query of lists) {
      const list = await (await site.request(`/v2/images${query}`)).json()
      assert.deepEqual(list.images, [], query)
    }
  })

  it('has an id that is never given again (409)', async () => {
    const id = await deleted()
    assert.equal((await postImage(site, { id })).status, 409)
  })

  it('keeps its bytes from the sweeper until it is deleted for good', async () => {
    const id = await deleted()
    await sweep()
    assert.equal((await storedChunks(site)).length, 1)
    assert.deepEqual(await deletePending(), [id])
    await sweep()
    assert.deepEqual(await storedChunks(site), [])
  })

  it('is not deleted while it is protected (403)', async () => {
    const { id } = await createActiveImage(site, 'data', { protected: true })
    assert.equal((await deleteImage(site, id)).status, 403)
    assert.equal((await showImage(site, id)).status, 'active')
  })

  it('is one with data to wait for: others are deleted at once', async () => {
    const queued = await createImage(site, BARE_RAW)
    const deactivated = await createActiveImage(site, 'data of a deactivated image')
    await actOn(site, deactivated.id, 'deactivate')
    await deleteImage(site, queued.id)
    await deleteImage(site, deactivated.id)
    assert.equal((await rowOf(queued.id))?.status, 'deleted')
    assert.equal((await rowOf(deactivated.id))?.status, 'deleted')
    await sweep()
    assert.deepEqual(await storedChunks(site), [])
  })
})

describe('a restored image', () => {
  beforeEach(open)
  afterEach(close)

  it('is as it was, with bytes, properties, tags and members', async () => {
    const attributes = { name: 'cirros', tags: ['b', 'a'], os_distro: 'cirros' }
    const { id } = await createActiveImage(site, 'data', attributes)
    await shareImage(site, id, 'bob')
    const { updated_at: _then, ...before } = await showImage(site, id)
    const members = (await site.services.feed.page(''))[0]?.members
    await deleteImage(site, id)
    await sweep()
    assert.equal(await restore(id), 'active')
    const { updated_at: _now, ...after } = await showImage(site, id)
    assert.deepEqual(after, before)
    assert.deepEqual((await site.services.feed.page(''))[0]?.members, members)
    assert.equal(await (await downloadData(site, id)).text(), 'data')
    assert.deepEqual(await deletePending(), [])
  })

  it('may be deleted again, and restored again', async () => {
    const id = await deleted()
    await restore(id)
    assert.equal((await deleteImage(site, id)).status, 204)
    assert.equal(await restore(id), 'active')
    assert.equal(await (await downloadData(site, id)).text(), 'data')
  })

  it('is queued when it has no data', async () => {
    const id = await deleted()
    await site.registry.delete(imageLocations)
    assert.equal(await restore(id), 'queued')
  })

  it('is none that does not wait for its deletion [409, 404]', async () => {
    const { id } = await createActiveImage(site, 'data')
    const wanted = (status: string) => (error: unknown) =>
      error instanceof HeliostatError &&
      error.code === 'conflict' &&
      error.message ===
        `Image ${id} is in status "${status}", wanted "pending_delete": there is nothing to restore`
    await assert.rejects(restore(id), wanted('active'))
    assert.equal((await showImage(site, id)).status, 'active')
    await deleteImage(site, id)
    await deletePending()
    await assert.rejects(restore(id), wanted('deleted'))
    await assert.rejects(restore(UNKNOWN_ID), { code: 'not-found' })
  })
})

describe('the deletion for good', () => {
  beforeEach(open)
  afterEach(close)

  it('is of what was deleted long enough ago, and only that', async () => {
    const { id: old } = await createActiveImage(site, 'old', { tags: ['a'], os_distro: 'x' })
    await shareImage(site, old, 'bob')
    await deleteImage(site, old)
    const recent = await deleted('recent')
    const until = Date.now()
    await site.registry
      .update(images)
      .set({ deleted_at: until + 1 })
      .where(eq(images.id, recent))
    const active = await createActiveImage(site, 'active')
    const since = await site.services.feed.seq()
    assert.deepEqual(await deletePending(until), [old])
    assert.equal((await rowOf(old))?.status, 'deleted')
    assert.equal((await rowOf(recent))?.status, 'pending_delete')
    assert.equal((await showImage(site, active.id)).status, 'active')
    const { changes } = await site.services.feed.changes(since)
    const [{ image } = { image: null }, ...others] = changes
    assert.deepEqual(others, [])
    assert.equal(image?.id, old)
    assert.deepEqual([image.tags, image.properties, image.blob], [[], {}, null])
    assert.equal(typeof image.members[0]?.deleted_at, 'number')
  })

  it('leaves the data that another image has too, also one that waits', async () => {
    const [first, second] = [await deleted('shared'), await deleted('shared')]
    assert.deepEqual((await deletePending()).toSorted(), [first, second].toSorted())
    await sweep()
    assert.deepEqual(await storedChunks(site), [])

    const gone = await deleted('shared again')
    await deletePending()
    const waiting = await deleted('shared again')
    const alive = await createActiveImage(site, 'shared again')
    await deleteImage(site, alive.id)
    await sweep()
    assert.equal((await rowOf(gone))?.status, 'deleted')
    assert.equal(await restore(waiting), 'active')
    assert.equal(await (await downloadData(site, waiting)).text(), 'shared again')
  })

  it('takes many images, page by page', async () => {
    const row = await rowOf(await deleted('many'))
    assert.ok(row)
    const copies = Array.from({ length: 250 }, () => ({ ...row, id: crypto.randomUUID() }))
    await site.registry.insert(images).values(copies)
    assert.equal((await deletePending()).length, 251)
    assert.deepEqual(await deletePending(), [])
  })

  it('and a restore at the same time leave the image whole or gone', async () => {
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, index) => deleted(`image ${index}`)),
    )
    const [gone, ...restored] = await Promise.all([
      deletePending(),
      ...ids.map((id) => restore(id).catch(() => null)),
    ])
    await sweep()
    for (const [index, id] of ids.entries()) {
      const status = restored[index] ?? 'deleted'
      assert.equal((await rowOf(id))?.status, status)
      assert.equal(gone.includes(id), status === 'deleted')
      if (status !== 'active') continue
      assert.equal(await (await downloadData(site, id)).text(), `image ${index}`)
    }
  })
})

describe('upkeep', () => {
  beforeEach(open)
  afterEach(close)

  function keep(scrubTime: number, upstream: string[] = []): Promise<void> {
    const { DEFAULT, heliostat, mirror, ...others } = site.services.config
    const config = {
      ...others,
      DEFAULT: { ...DEFAULT, scrub_time: scrubTime },
      heliostat: { ...heliostat, sweep_grace: 0 },
      mirror: { ...mirror, upstream },
    }
    return runUpkeep({ ...site.services, config })
  }

  it('deletes for good what has waited for scrub_time, and sweeps its bytes', async () => {
    const id = await deleted()
    await keep(60)
    assert.equal((await rowOf(id))?.status, 'pending_delete')
    await keep(0)
    assert.equal((await rowOf(id))?.status, 'deleted')
    assert.deepEqual(await storedChunks(site), [])
  })

  it('deletes nothing at an edge, which only the feed changes', async () => {
    const id = await deleted()
    await keep(0, ['http://origin'])
    assert.equal((await rowOf(id))?.status, 'pending_delete')
  })
})

describe('what mirrors are told', () => {
  beforeEach(open)
  afterEach(close)

  it('is that the image is gone, and that it is back with its blob', async () => {
    const { id } = await createActiveImage(site, 'data')
    const tell = async () => {
      const { changes } = await site.services.feed.changes(0)
      const image = changes.find((change) => change.image.id === id)?.image
      return [image?.status, image?.blob === null, typeof image?.deleted_at]
    }
    await deleteImage(site, id)
    assert.deepEqual(await tell(), ['pending_delete', true, 'number'])
    await restore(id)
    assert.deepEqual(await tell(), ['active', false, 'object'])
  })
})
