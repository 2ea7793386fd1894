import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Pair, startPair } from '../faults/pair.ts'
import { compareDownload, MIB } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'

const CLIENTS = 100
const SIZE = 256 * MIB
const CHUNK = 8 * MIB
const env = { HELIOSTAT_HELIOSTAT__CHUNK_SIZE: '8MB' }

describe(`${CLIENTS} clients at once at an edge that has nothing`, () => {
  const bytes = randomData(SIZE)
  let pair: Pair
  let path: string

  before(async () => {
    pair = await startPair(env)
    path = (await pair.publish(bytes)).path
  })

  after(() => pair.close())

  it('cost the origin the image once, also when the first of them dies halfway', async (t) => {
    const started = Date.now()
    const first = compareDownload(pair.edge.url, bytes, { path, until: SIZE / 2 })
    const others = Array.from({ length: CLIENTS - 1 }, () =>
      compareDownload(pair.edge.url, bytes, { path }),
    )
    const { right, wrong } = await first
    assert.deepEqual([wrong, right >= SIZE / 2 && right < SIZE], [false, true])
    for (const read of await Promise.all(others)) {
      assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })
    }
    const sent = pair.proxy.chunkBytes()
    t.diagnostic(`${(sent / SIZE).toFixed(3)} × the image in ${Date.now() - started} ms`)
    assert.ok(Math.abs(sent - SIZE) <= CHUNK, `${sent} bytes were sent for ${SIZE}`)
  })

  it('leave it whole at the edge: the next one costs the origin nothing', async () => {
    const before = pair.proxy.chunkBytes()
    const read = await compareDownload(pair.edge.url, bytes, { path })
    assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })
    assert.equal(pair.proxy.chunkBytes(), before)
  })
})
