import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { compareDownload, MIB, wholeDownload } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { ask, crewOf, numberOf, TWO_WORKERS } from '../support/workers.ts'
import { chunkFiles } from './data.ts'
import { type Pair, startPair } from './pair.ts'

const READERS = 100
const SIZE = 16 * MIB
const LIMIT = 24 * MIB
const WHOLE = wholeDownload(SIZE)

describe('two workers of one edge', () => {
  let pair: Pair
  before(async () => {
    pair = await startPair(TWO_WORKERS)
  })
  after(() => pair.close())

  async function publish() {
    const bytes = randomData(SIZE)
    return { bytes, ...(await pair.publish(bytes)) }
  }

  const readAtOnce = (count: number, { bytes, path }: { bytes: Buffer; path: string }) =>
    Promise.all(
      Array.from({ length: count }, () => compareDownload(pair.edge.url, bytes, { path })),
    )

  it(`fetch each chunk once for ${READERS} readers at once`, async () => {
    const image = await publish()
    const before = pair.proxy.chunkBytes()
    for (const read of await readAtOnce(READERS, image)) assert.deepEqual(read, WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, SIZE)
    for (const read of await readAtOnce(4, image)) assert.deepEqual(read, WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, SIZE)
  })

  it('say the same of what is resident, whichever is asked', async () => {
    const image = await publish()
    const found = async () => JSON.parse((await ask(`${pair.edge.url}/v2/cache`)).text)
    const put = await ask(`${pair.edge.url}/v2/cache/${image.id}`, { method: 'PUT' })
    assert.equal(put.status, 202)
    await eventually('it is here', 10_000, async () => {
      const { cached_images: cached } = await found()
      return cached.some(({ image_id }: { image_id: string }) => image_id === image.id) || null
    })
    const lists = await Promise.all(Array.from({ length: 8 }, found))
    for (const list of lists) assert.deepEqual(list, lists[0])
    for (let i = 0; i < 6; i++) {
      const { ready, edge } = JSON.parse((await ask(`${pair.edge.url}/readyz`)).text)
      assert.deepEqual([ready, edge.seq, edge.upstream_seq], [true, edge.upstream_seq, edge.seq])
    }
    const bytes = await numberOf(pair.edge.url, 'heliostat_resident_bytes')
    assert.equal(bytes, (await chunkFiles(pair.atEdge)).length * MIB)
  })

  it('serve what is here without a lead, and go on fetching with the next one', async () => {
    const [here, cold] = [await publish(), await publish()]
    await readAtOnce(4, here)
    const { lead } = await crewOf(pair.edge)
    process.kill(lead, 'SIGKILL')
    await setTimeout(50)
    const reads = await Promise.all([readAtOnce(4, here), readAtOnce(4, cold)])
    for (const read of reads.flat()) assert.deepEqual(read, WHOLE)
    assert.notEqual((await crewOf(pair.edge, lead)).lead, lead)
    const next = await publish()
    for (const read of await readAtOnce(4, next)) assert.deepEqual(read, WHOLE)
  })

  it('go on fetching with the next lead where one lives, but hangs', async () => {
    const cold = await publish()
    const { lead } = await crewOf(pair.edge)
    process.kill(lead, 'SIGSTOP')
    for (const read of await readAtOnce(4, cold)) assert.deepEqual(read, WHOLE)
    assert.match(pair.edge.log(), /has answered nothing for 20 seconds, and is killed/)
    assert.notEqual((await crewOf(pair.edge, lead)).lead, lead)
  })

  it('cut nobody off but whom the dying one serves', async () => {
    const image = await publish()
    const { other } = await crewOf(pair.edge)
    const reading = readAtOnce(8, image)
    await setTimeout(30)
    process.kill(other, 'SIGKILL')
    for (const { right, wrong } of await reading) assert.ok(!wrong && right <= SIZE)
    await crewOf(pair.edge, other)
    for (const read of await readAtOnce(8, image)) assert.deepEqual(read, WHOLE)
  })
})

describe('two workers of an edge with little room', () => {
  it('keep to its limit together', async () => {
    const pair = await startPair({ ...TWO_WORKERS, HELIOSTAT_IMAGE_CACHE_MAX_SIZE: `${LIMIT}` })
    try {
      const images = [randomData(SIZE), randomData(SIZE), randomData(SIZE)]
      const published = await Promise.all(images.map((bytes) => pair.publish(bytes)))
      let most = 0
      let isOver = false
      const watching = (async () => {
        while (!isOver) {
          const whole = (await chunkFiles(pair.atEdge)).filter((name) => !name.includes('.'))
          most = Math.max(most, whole.length * MIB)
          await setTimeout(5)
        }
      })()
      const reads = published.flatMap(({ path }, index) =>
        Array.from({ length: 3 }, () =>
          compareDownload(pair.edge.url, images[index] ?? Buffer.of(), { path }),
        ),
      )
      for (const read of await Promise.all(reads)) assert.deepEqual(read, WHOLE)
      isOver = true
      await watching
      assert.ok(most > LIMIT / 2 && most <= LIMIT, `${most / MIB} MiB were stored`)
    } finally {
      await pair.close()
    }
  })
})
