import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { heliostat } from '../cli/heliostat.ts'
import { compareDownload, MIB, startEdge, startOrigin } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { createRaw } from './data.ts'
import { type Pair, startPair } from './pair.ts'

describe('a data directory', () => {
  const bytes = randomData(2 * MIB)
  let pair: Pair
  let path: string

  before(async () => {
    pair = await startPair()
    path = (await pair.publish(bytes)).path
    await compareDownload(pair.edge.url, bytes, { path })
    await Promise.all([pair.edge.stop(), pair.origin.stop()])
  })
  after(() => pair.close())

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
    const { stdout } = await heliostat(['db', 'become-origin', '--data-dir', pair.atEdge])
    assert.match(stdout, /^Follows no other site any more/)
    pair.edge = await startOrigin(pair.atEdge)
    assert.equal((await compareDownload(pair.edge.url, bytes, { path })).right, bytes.length)
    assert.match(await createRaw(pair.edge.url), /^[\da-f-]{36}$/)
  })
})
