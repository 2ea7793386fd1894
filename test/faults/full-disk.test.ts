import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { chunkFiles, createRaw, readBack, show, upload } from './data.ts'
import { mountSmallDisk, unmount, whyNoSmallDisk } from './small-disk.ts'

const MIB = 1 << 20

const skip = (await whyNoSmallDisk()) ?? false

describe('a full disk', { skip }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: RunningProcess
  let id: string

  before(async () => {
    folder = await temporaryFolder()
    assert.ok(mountSmallDisk(folder.path))
    server = await startOnNode(folder.path, environmentOf(SMALL_CHUNKS))
    id = await createRaw(server.url)
  })

  after(async () => {
    await server.stop()
    unmount(folder.path)
    await folder.remove()
  })

  it('is told to the client in a sentence [413]', async () => {
    const response = await upload(server.url, id, randomData(40 * MIB))
    assert.equal(response.status, 413)
    assert.match(await response.text(), /The image store has no space left/)
  })

  it('is told to the operator with its cause', async () => {
    const line = await eventually('the log tells of the upload', 5_000, () => failureOf(id))
    assert.match(line, /The image store has no space left/)
    // Of two chunks, which may be written at once.
    assert.match(line, /\d+ bytes are free, wanted (1048576|2097152) and/)
  })

  it('leaves the image queued, and the space as it was', async () => {
    const { status, size, checksum } = await show(server.url, id)
    assert.deepEqual({ status, size, checksum }, { status: 'queued', size: null, checksum: null })
    assert.deepEqual(await chunkFiles(folder.path), [])
    const { bavail, bsize } = await statfs(folder.path)
    assert.ok(bavail * bsize > 16 * MIB, `${bavail * bsize} bytes are free`)
  })

  it('is told by readyz until there is room again', async () => {
    assert.deepEqual(await reasons(), ['disk-full'])
    const filler = join(folder.path, 'filler')
    await writeFile(filler, Buffer.alloc(MIB))
    await rm(filler)
    assert.deepEqual(await reasons(), ['disk-full'])
    resize('40m')
    assert.deepEqual(await reasons(), [])
    resize('24m')
  })

  it('does not keep a smaller upload from working [204]', async () => {
    assert.equal((await upload(server.url, id, randomData(4 * MIB))).status, 204)
    const { status, size } = await show(server.url, id)
    assert.deepEqual([status, size], ['active', 4 * MIB])
    assert.equal((await readBack(server.url, id)).size, 4 * MIB)
  })

  it('leaves the registry room to delete an image', async () => {
    const uploads = Array.from({ length: 8 }, async () => {
      const image = await createRaw(server.url)
      const { status } = await upload(server.url, image, randomData(4 * MIB))
      assert.ok(status === 204 || status === 413, String(status))
      return image
    })
    for (const image of await Promise.all(uploads)) {
      assert.notEqual((await show(server.url, image)).status, 'saving')
      const { status } = await fetch(`${server.url}/v2/images/${image}`, { method: 'DELETE' })
      assert.equal(status, 204)
    }
  })

  function resize(size: string): void {
    const { status } = spawnSync('mount', ['-o', `remount,size=${size}`, folder.path])
    assert.equal(status, 0)
  }

  async function reasons(): Promise<string[]> {
    return (await (await fetch(`${server.url}/readyz`)).json()).reasons
  }

  function failureOf(image: string): string | null {
    const lines = server.log().split('\n')
    return lines.find((line) => line.includes(`Upload of image ${image} failed`)) ?? null
  }
})
