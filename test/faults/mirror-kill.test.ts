import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compareDownload, MIB } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { type Pair, startPair } from './pair.ts'

const SIZE = 128 * MIB
/** What may be under way at once: the chunk that is read and those ahead of it. */
const UNFINISHED = 5

describe('kill -9 of an edge at nine tenths of a fill', () => {
  const bytes = randomData(SIZE)
  let pair: Pair
  let path: string

  before(async () => {
    pair = await startPair()
    path = (await pair.publish(bytes)).path
  })

  after(() => pair.close())

  it('costs at most the chunks that were not finished', async (t) => {
    const kills: Promise<void>[] = []
    pair.proxy.touch = () => {
      if (kills.length === 0 && pair.proxy.chunkBytes() >= SIZE * 0.9) kills.push(pair.edge.kill())
    }
    const cut = await compareDownload(pair.edge.url, bytes, { path })
    assert.deepEqual([cut.wrong, cut.right < SIZE], [false, true])
    assert.equal(kills.length, 1)
    await Promise.all(kills)

    const until = pair.proxy.chunkBytes()
    const started = pair.proxy.chunks.length
    await pair.restartEdge()
    const read = await compareDownload(pair.edge.url, bytes, { path })
    assert.deepEqual(read, { status: 200, right: SIZE, wrong: false })

    const again = pair.proxy.chunkBytes() - until
    const missing = SIZE / MIB - started
    t.diagnostic(`${started} chunks begun before, ${again / MIB} fetched after`)
    assert.ok(again <= (missing + UNFINISHED) * MIB, `${again / MIB} chunks were fetched again`)
  })
})
