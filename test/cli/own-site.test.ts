import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { followingOptions, startOrigin, temporaryFolders, TOKEN } from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { startOnNode } from '../support/server.ts'
import { heliostat } from './heliostat.ts'

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let atEdge: string
let origin: RunningProcess
let edge: RunningProcess

before(async () => {
  folders = await temporaryFolders(2)
  const [atOrigin = ''] = folders.paths
  atEdge = folders.paths[1] ?? ''
  origin = await startOrigin(atOrigin)
  edge = await startOnNode(atEdge, followingOptions(origin.url))
})
after(async () => {
  await Promise.all([edge.kill(), origin.kill()])
  await folders.remove()
})

const mirror = (command: string, ...args: string[]) =>
  heliostat(['mirror', command, '--url', edge.url, ...args])

describe('heliostat mirror beside an edge that nobody follows', { concurrency: 2 }, () => {
  it('waits by sync, and tells by status, without any token that was set up', async () => {
    const synced = await mirror('sync', '--data-dir', atEdge)
    assert.deepEqual([synced.code, synced.stderr], [0, ''])
    const { code, stdout, stderr } = await mirror('status', '--data-dir', atEdge)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^upstream +at change \d+ of \d+/m)
  })

  it('finds the data by the environment too, as in a container', async () => {
    const env = { HELIOSTAT_HELIOSTAT__DATA_DIR: atEdge }
    const { code } = await heliostat(['mirror', 'status', '--url', edge.url], env)
    assert.equal(code, 0)
  })

  it('says what it lacks elsewhere', async () => {
    const elsewhere = await mirror('status')
    assert.equal(elsewhere.code, 1)
    assert.match(elsewhere.stderr, /answered 404: .* give --data-dir/)
    const mistyped = await mirror('status', '--data-dir', join(atEdge, 'typo'))
    assert.match(mistyped.stderr, /Cannot read ".*typo\/operator-token".*ENOENT\n$/)
  })

  it('shows no secret', async () => {
    const { stdout } = await mirror('status', '--data-dir', atEdge, '--json')
    assert.ok(!stdout.includes(await tokenOf(atEdge)))
    assert.ok(!edge.log().includes(await tokenOf(atEdge)))
  })
})

describe('the token in the data of a site', () => {
  const ask = async (path: string, { url }: RunningProcess, token: string) =>
    (await fetch(`${url}/mirror/v1/${path}`, { headers: { Authorization: `Bearer ${token}` } }))
      .status

  it('opens its status and nothing else [404]', async () => {
    const token = await tokenOf(atEdge)
    assert.equal(await ask('status', edge, token), 200)
    for (const path of ['head', 'changes?after=0', 'snapshot', 'status/', 'status/../snapshot']) {
      assert.equal(await ask(path, edge, token), 404, path)
    }
  })

  it('opens that of every process that serves the same data', async () => {
    const second = await startOnNode(atEdge, followingOptions(origin.url))
    const token = await tokenOf(atEdge)
    const statuses = [await ask('status', edge, token), await ask('status', second, token)]
    await second.kill()
    assert.deepEqual(statuses, [200, 200])
  })

  it('is that of no other site [401, 404]', async () => {
    assert.equal(await ask('status', origin, await tokenOf(atEdge)), 401)
    assert.equal(await ask('status', edge, TOKEN), 404)
    assert.equal(await ask('head', origin, await tokenOf(folders.paths[0] ?? '')), 401)
  })
})

async function tokenOf(dataDir: string): Promise<string> {
  return (await readFile(join(dataDir, 'operator-token'), 'utf8')).trim()
}
