import assert from 'node:assert/strict'
import { statfs } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { createImage, deleteImage, patchImage, postImage } from '../support/images.ts'
import { siteAt } from '../support/mirrors.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { chunkFiles, createRaw, upload } from './data.ts'
import { empty, fill, mountSmallDisk, unmount, whyNoSmallDisk } from './small-disk.ts'

const MIB = 1 << 20
const IMAGES = 40
const ENV = {
  ...environmentOf(SMALL_CHUNKS),
  HELIOSTAT_HELIOSTAT__SWEEP_GRACE: '0',
}

const skip = (await whyNoSmallDisk()) ?? false

describe('a disk without a free byte', { skip }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: RunningProcess
  let stored: string
  let queued: string
  const ids: string[] = []
  const site = () => siteAt(server.url)

  before(async () => {
    folder = await temporaryFolder()
    assert.ok(mountSmallDisk(folder.path))
    server = await startOnNode(folder.path, ENV)
    stored = await createRaw(server.url)
    assert.equal((await upload(server.url, stored, randomData(2 * MIB))).status, 204)
    queued = await createRaw(server.url)
    for (let i = 0; i < IMAGES; i++) {
      const tags = [`tag ${i}`]
      const { id } = await createImage(site(), { name: `image ${i}`, note: 'x'.repeat(5000), tags })
      ids.push(id)
    }
    fill(folder.path)
    assert.equal((await statfs(folder.path)).bavail, 0)
  })

  after(async () => {
    await server.stop()
    unmount(folder.path)
    await folder.remove()
  })

  /** Deletes so many of the images. */
  async function deleteSome(count: number): Promise<void> {
    for (const id of ids.splice(0, count)) {
      assert.equal((await deleteImage(site(), id)).status, 204)
      assert.equal((await site().request(`/v2/images/${id}`)).status, 404)
    }
  }

  /** What needs room, until there is none: how many were let through. */
  async function createUntilRefused(): Promise<number> {
    for (let count = 0; count < 2000; count++) {
      const response = await postImage(site(), { note: 'x'.repeat(20_000) })
      if (response.status === 413) {
        assert.match(await response.text(), /The database has no space left/)
        return count
      }
      assert.equal(response.status, 201)
    }
    return 2000
  }

  it('takes no more images, and no data (413)', async () => {
    assert.ok((await createUntilRefused()) < 200)
    assert.equal((await upload(server.url, queued, randomData(MIB))).status, 413)
  })

  it('lets images, tags and members be deleted (204)', async () => {
    await deleteSome(10)
    const [id = ''] = ids
    const { tags } = await (await site().request(`/v2/images/${id}`)).json()
    const removed = await site().request(`/v2/images/${id}/tags/${tags[0]}`, { method: 'DELETE' })
    assert.equal(removed.status, 204)
  })

  it('leaves what deletions need to them alone (204, 413)', async () => {
    assert.ok((await createUntilRefused()) < 50)
    const renamed = await patchImage(site(), stored, [{ op: 'add', path: '/name', value: 'new' }])
    assert.equal(renamed.status, 413)
    await deleteSome(10)
  })

  it('is served from after a crash, and the data of deleted images goes (204)', async () => {
    assert.equal((await deleteImage(site(), stored)).status, 204)
    assert.equal((await chunkFiles(folder.path)).length, 2)
    await server.kill()
    fill(folder.path)
    server = await startOnNode(folder.path, ENV)
    await eventually('the chunks are gone', 10_000, async () =>
      (await chunkFiles(folder.path)).length === 0 ? true : null,
    )
    fill(folder.path)
    await deleteSome(10)
  })

  it('takes images again as soon as there is room (201)', async () => {
    empty(folder.path)
    assert.equal((await postImage(site(), {})).status, 201)
    fill(folder.path)
    await deleteSome(ids.length)
  })
})
