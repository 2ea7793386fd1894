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
import { createRaw, upload } from './data.ts'

const SIZE = 128 * MIB
/** What may be under way at once: the chunk that is read and those ahead of it. */
const UNFINISHED = 5

describe('kill -9 of an edge at nine tenths of a fill', () => {
  const bytes = randomBytes(SIZE)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let origin: RunningProcess
  let edge: RunningProcess
  let proxy: Proxy
  let atEdge: string
  let path: string

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', second = ''] = folders.paths
    atEdge = second
    origin = await startOrigin(atOrigin)
    proxy = await startProxy(origin.url)
    edge = await startEdge(atEdge, proxy.url)
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

  it('costs at most the chunks that were not finished', async (t) => {
    const kills: Promise<void>[] = []
    proxy.touch = () => {
      if (kills.length === 0 && proxy.chunkBytes() >= SIZE * 0.9) kills.push(edge.kill())
    }
    const cut = await compareDownload(edge.url, bytes, { path })
    assert.deepEqual([cut.wrong, cut.right < SIZE], [false, true])
    assert.equal(kills.length, 1)
    await Promise.all(kills)

    const until = proxy.chunkBytes()
    const started = proxy.chunks.length
    edge = await startEdge(atEdge, proxy.url)
    const read = await compareDownload(edge.url, bytes, { path })
    assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })

    const again = proxy.chunkBytes() - until
    const missing = SIZE / MIB - started
    t.diagnostic(`${started} chunks begun before, ${again / MIB} fetched after`)
    assert.ok(again <= (missing + UNFINISHED) * MIB, `${again / MIB} chunks were fetched again`)
  })
})
