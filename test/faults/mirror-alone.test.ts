import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compareDownload, MIB, startOrigin, untilActive } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { createRaw, show, upload } from './data.ts'
import { type Pair, startPair } from './pair.ts'

const SIZE = 16 * MIB
const HAD = { start: 4 * MIB, end: 8 * MIB - 1 }

describe('an edge whose origin is gone', () => {
  const bytes = { whole: randomData(SIZE), partial: randomData(SIZE), absent: randomData(SIZE) }
  const ids = { whole: '', partial: '', absent: '' }
  let pair: Pair

  before(async () => {
    pair = await startPair()
    for (const name of ['whole', 'partial', 'absent'] as const) {
      ids[name] = (await pair.publish(bytes[name])).id
    }
    assert.equal((await compare('whole')).right, SIZE)
    // The first chunk and some in the middle, each asked for alone so that nothing is fetched ahead.
    await rangeOf('partial', 0, 99)
    await rangeOf('partial', HAD.start, HAD.end)
    await pair.origin.stop()
  })

  after(() => pair.close())

  const pathOf = (name: keyof typeof ids) => `/v2/images/${ids[name]}/file`
  const compare = (name: keyof typeof ids) =>
    compareDownload(pair.edge.url, bytes[name], { path: pathOf(name) })

  async function rangeOf(name: keyof typeof ids, start: number, end: number) {
    const headers = { Range: `bytes=${start}-${end}` }
    const response = await fetch(`${pair.edge.url}${pathOf(name)}`, { headers })
    return { response, body: Buffer.from(await response.arrayBuffer()) }
  }

  async function assertLater(answer: Promise<{ response: Response }>): Promise<void> {
    const { response } = await answer
    assert.equal(response.status, 503)
    assert.match(response.headers.get('Retry-After') ?? '', /^[1-9]\d*$/)
  }

  it('says at once that it lacks a part, rather than to begin an answer [503]', async () => {
    await assertLater(rangeOf('partial', 0, SIZE - 1))
  })

  it('starts without it, lists and shows everything [200]', async () => {
    await pair.edge.stop()
    await pair.restartEdge()
    const { images } = await (await fetch(`${pair.edge.url}/v2/images`)).json()
    assert.deepEqual(
      images.map(({ id }: { id: string }) => id).toSorted(),
      Object.values(ids).toSorted(),
    )
    assert.equal((await show(pair.edge.url, ids.absent)).status, 'active')
  })

  it('serves what is complete [200]', async () => {
    assert.deepEqual(await compare('whole'), { status: 200, right: SIZE, wrong: false })
  })

  it('serves the ranges that it has of a partial image [206]', async () => {
    const { response, body } = await rangeOf('partial', HAD.start + 10, HAD.end - 10)
    assert.equal(response.status, 206)
    assert.ok(body.equals(bytes.partial.subarray(HAD.start + 10, HAD.end - 9)))
  })

  it('answers anything else with when to come back, at any moment of its retries [503]', async () => {
    const end = Date.now() + 3_000
    while (Date.now() < end) {
      await assertLater(rangeOf('partial', 0, SIZE - 1))
      await assertLater(rangeOf('partial', HAD.start, HAD.end + 1))
      await assertLater(rangeOf('absent', 0, 99))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })

  it('catches up by itself when the origin is back', async () => {
    pair.origin = await startOrigin(pair.atOrigin)
    const late = await createRaw(pair.origin.url)
    const fresh = randomData(2 * MIB)
    assert.equal((await upload(pair.origin.url, late, fresh)).status, 204)
    pair.proxy.target = pair.origin.url
    await untilActive(pair.edge.url, late, 16_000)
    const read = await compareDownload(pair.edge.url, fresh, { path: `/v2/images/${late}/file` })
    assert.deepEqual(read, { status: 200, right: 2 * MIB, wrong: false })
    assert.deepEqual(await compare('partial'), { status: 200, right: SIZE, wrong: false })
    assert.deepEqual(await compare('absent'), { status: 200, right: SIZE, wrong: false })
  })
})
