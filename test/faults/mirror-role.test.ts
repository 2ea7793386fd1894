import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { heliostat } from '../cli/heliostat.ts'
import { compareDownload, MIB, startEdge, startOrigin, TOKEN } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { createRaw } from './data.ts'
import { type Pair, startPair } from './pair.ts'

async function epochAt(url: string): Promise<string> {
  const headers = { Authorization: `Bearer ${TOKEN}` }
  const { head } = await (await fetch(`${url}/mirror/v1/status`, { headers })).json()
  assert.match(head.epoch, /^[\da-f-]{36}$/)
  return head.epoch
}

describe('a data directory', () => {
  const bytes = randomData(2 * MIB)
  let pair: Pair
  let path: string
  let epoch: string
  /** What the command says of an edge that runs. */
  let atRunningEdge: Awaited<ReturnType<typeof becomeOrigin>>
  const becomeOrigin = (dataDir: string) =>
    heliostat(['db', 'become-origin', '--data-dir', dataDir])

  before(async () => {
    pair = await startPair()
    path = (await pair.publish(bytes)).path
    await compareDownload(pair.edge.url, bytes, { path })
    epoch = await epochAt(pair.origin.url)
    atRunningEdge = await becomeOrigin(pair.atEdge)
    assert.deepEqual(await Promise.all([pair.edge.stop(), pair.origin.stop()]), [0, 0])
  })
  after(() => pair.close())

  it('of a mirror that runs does not become an origin’s', () => {
    const registry = join(pair.atEdge, 'registry.db')
    assert.deepEqual(atRunningEdge, {
      code: 1,
      stdout: '',
      stderr: `heliostat: The registry "${registry}" is in use by another process: stop the service first\n`,
    })
  })

  it('of an origin does not become one, and keeps its epoch', async () => {
    assert.deepEqual(await becomeOrigin(pair.atOrigin), {
      code: 1,
      stdout: '',
      stderr:
        'heliostat: This registry has followed no other site: it is an origin already, and stays as it is\n',
    })
    pair.origin = await startOrigin(pair.atOrigin)
    assert.equal(await epochAt(pair.origin.url), epoch)
    await pair.origin.stop()
  })

  it('of a mirror is known as one by commands that are not told its upstream', async () => {
    const { code, stderr } = await heliostat(['db', 'unload-metadefs', '--data-dir', pair.atEdge])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^heliostat: This site is a read-only mirror, so this is done at its origin$/m,
    )
  })

  it('of a mirror does not start as an origin by mistake', async () => {
    await assert.rejects(startOrigin(pair.atEdge), /wanted the site that this one has followed/)
  })

  it('of an origin does not start as a mirror, which would drop its images', async () => {
    const start = startEdge(pair.atOrigin, 'http://127.0.0.1:1')
    await assert.rejects(start, /the registry has 1 images of its own/)
    pair.origin = await startOrigin(pair.atOrigin)
    assert.equal((await compareDownload(pair.origin.url, bytes, { path })).right, bytes.length)
  })

  it('of a mirror does not start on the chunks of an origin, of which it would make room', async () => {
    const start = startEdge(pair.atEdge, 'http://127.0.0.1:1', {
      HELIOSTAT_GLANCE_STORE__FILESYSTEM_STORE_DATADIR: pair.atOrigin,
    })
    await assert.rejects(start, /its chunks belong to the origin/)
  })

  it('of a mirror goes on as an origin on demand, with all that it has', async () => {
    const { stdout } = await becomeOrigin(pair.atEdge)
    assert.match(stdout, /^Follows no other site any more/)
    pair.edge = await startOrigin(pair.atEdge)
    assert.equal((await compareDownload(pair.edge.url, bytes, { path })).right, bytes.length)
    assert.match(await createRaw(pair.edge.url), /^[\da-f-]{36}$/)
  })
})
