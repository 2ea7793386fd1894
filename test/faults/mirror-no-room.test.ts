import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compareDownload, MIB } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { chunkFiles } from './data.ts'
import { type Pair, startPair } from './pair.ts'

const SIZE = 8 * MIB

describe('an edge without room for a single chunk', () => {
  let pair: Pair
  before(async () => {
    pair = await startPair({ HELIOSTAT_IMAGE_CACHE_MAX_SIZE: '1KB' })
  })
  after(() => pair.close())

  it('fetches each chunk once for a download', async () => {
    const bytes = randomData(SIZE)
    const { path } = await pair.publish(bytes)
    const whole = { status: 200, right: SIZE, wrong: false }
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), whole)
    assert.equal(pair.proxy.chunkBytes(), SIZE)
    assert.deepEqual(await chunkFiles(pair.atEdge), [])
  })
})
