import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  compareDownload,
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { randomData } from '../support/random-data.ts'
import { publish } from './pair.ts'

const SIZE = 32 * MIB

describe('two edge processes on one data directory', () => {
  const bytes = randomData(SIZE)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let servers: RunningProcess[] = []
  let proxy: Proxy
  let path: string

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', atEdges = ''] = folders.paths
    const origin = await startOrigin(atOrigin)
    proxy = await startProxy(origin.url)
    servers = [origin, await startEdge(atEdges, proxy.url), await startEdge(atEdges, proxy.url)]
    const others = servers.map(({ url }) => url)
    path = (await publish(origin.url, others, bytes)).path
  })

  after(async () => {
    await Promise.all(servers.map((server) => server.stop()))
    await proxy.close()
    await folders.remove()
  })

  it('fetch each chunk once between them when they are read at the same time', async () => {
    const [, first, second] = servers
    assert.ok(first && second)
    const whole = { status: 200, right: SIZE, wrong: false }
    const read = (url: string) => compareDownload(url, bytes, { path })
    assert.deepEqual(await Promise.all([read(first.url), read(second.url)]), [whole, whole])
    assert.equal(proxy.chunkBytes(), SIZE)
  })
})
