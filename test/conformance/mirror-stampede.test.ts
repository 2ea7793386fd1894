import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import {
  compareDownload,
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { createRaw, upload } from '../faults/data.ts'

const CLIENTS = 100
const SIZE = 256 * MIB
const CHUNK = 8 * MIB
const env = { HELIOSTAT_HELIOSTAT__CHUNK_SIZE: '8MB' }

describe(`${CLIENTS} clients at once at an edge that has nothing`, () => {
  const bytes = randomBytes(SIZE)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let origin: RunningProcess
  let edge: RunningProcess
  let proxy: Proxy
  let path: string

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', atEdge = ''] = folders.paths
    origin = await startOrigin(atOrigin, env)
    proxy = await startProxy(origin.url)
    edge = await startEdge(atEdge, proxy.url, env)
    const id = await createRaw(origin.url)
    assert.equal((await upload(origin.url, id, bytes)).status, 204)
    await untilActive(edge.url, id)
    path = `/v2/images/${id}/file`
  })

  after(async () => {
    await Promise.all([edge.stop(), origin.stop()])
    await proxy.close()
    await folders.remove()
  })

  it('cost the origin the image once, also when the first of them dies halfway', async (t) => {
    const started = Date.now()
    const first = compareDownload(edge.url, bytes, { path, until: SIZE / 2 })
    const others = Array.from({ length: CLIENTS - 1 }, () =>
      compareDownload(edge.url, bytes, { path }),
    )
    const { right, wrong } = await first
    assert.deepEqual([wrong, right >= SIZE / 2 && right < SIZE], [false, true])
    for (const read of await Promise.all(others)) {
      assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })
    }
    const sent = proxy.chunkBytes()
    t.diagnostic(`${(sent / SIZE).toFixed(3)} × the image in ${Date.now() - started} ms`)
    assert.ok(Math.abs(sent - SIZE) <= CHUNK, `${sent} bytes were sent for ${SIZE}`)
  })

  it('leave it whole at the edge: the next one costs the origin nothing', async () => {
    const before = proxy.chunkBytes()
    const read = await compareDownload(edge.url, bytes, { path })
    assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })
    assert.equal(proxy.chunkBytes(), before)
  })
})
