import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { patchImage } from '../support/images.ts'
import {
  compareDownload,
  MIB,
  siteAt,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { eventually } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { chunkFiles, createRaw, show, upload } from './data.ts'

const SIZE = 40 * MIB
const WHOLE = { status: 200, right: SIZE, wrong: false }

/** Why there can be no small disk here, or null. */
async function whyNoSmallDisk(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root'
  const folder = await temporaryFolder()
  const mounted = mountSmallDisk(folder.path)
  if (mounted) unmount(folder.path)
  await folder.remove()
  return mounted ? null : 'a tmpfs cannot be mounted here'
}

const skip = (await whyNoSmallDisk()) ?? false

describe('an edge whose disk is smaller than the image', { skip }, () => {
  const bytes = randomBytes(SIZE)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let origin: RunningProcess
  let edge: RunningProcess
  let proxy: Proxy
  let atEdge: string
  let id: string
  let path: string

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', second = ''] = folders.paths
    atEdge = second
    assert.ok(mountSmallDisk(atEdge))
    origin = await startOrigin(atOrigin)
    proxy = await startProxy(origin.url)
    edge = await startEdge(atEdge, proxy.url)
    id = await createRaw(origin.url)
    assert.equal((await upload(origin.url, id, bytes)).status, 204)
    await untilActive(edge.url, id)
    path = `/v2/images/${id}/file`
  })

  after(async () => {
    await Promise.all([edge.stop(), origin.stop()])
    await proxy.close()
    unmount(atEdge)
    await folders.remove()
  })

  it('passes on what it cannot store', async (t) => {
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
    const stored = (await chunkFiles(atEdge)).length
    t.diagnostic(`${stored} chunks of ${SIZE / MIB} are stored`)
    assert.ok(stored > 4 && stored < 20, `${stored} chunks are stored`)
    assert.match(edge.log(), /cannot be stored, only passed on: .*no space left/)
  })

  it('fetches each chunk once for readers that come together', async () => {
    const before = proxy.chunkBytes()
    const missing = SIZE - (await chunkFiles(atEdge)).length * MIB
    const reads = Array.from({ length: 6 }, () => compareDownload(edge.url, bytes, { path }))
    for (const read of await Promise.all(reads)) assert.deepEqual(read, WHOLE)
    const sent = proxy.chunkBytes() - before
    assert.ok(sent >= missing && sent < 3 * missing, `${sent / MIB} of ${missing / MIB} MiB`)
  })

  it('raises an alarm that operators see (200)', async () => {
    const ready = await eventually('/readyz names the full disk', 5_000, async () => {
      const response = await fetch(`${edge.url}/readyz`)
      const text = await response.text()
      return text.includes('disk-full') ? response.status : null
    })
    assert.equal(ready, 200)
    const metrics = await (await fetch(`${edge.url}/metrics`)).text()
    assert.match(metrics, /^heliostat_disk_full 1$/m)
  })

  it('leaves its registry room to follow', async () => {
    const change = [{ op: 'add', path: '/name', value: 'renamed' }]
    assert.equal((await patchImage(siteAt(origin.url), id, change)).status, 200)
    await eventually('the edge shows the name', 2_000, async () =>
      (await show(edge.url, id))['name'] === 'renamed' ? true : null,
    )
  })
})

function mountSmallDisk(path: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'heliostat', path]).status === 0
}

function unmount(path: string): void {
  spawnSync('umount', [path])
}
