import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { deleteImage, patchImage } from '../support/images.ts'
import { compareDownload, MIB, siteAt, wholeDownload } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { chunkFiles, show } from './data.ts'
import { type Pair, startPair } from './pair.ts'
import { fill, mountSmallDisk, unmount, whyNoSmallDisk } from './small-disk.ts'

const SIZE = 40 * MIB
const WHOLE = wholeDownload(SIZE)

const skip = (await whyNoSmallDisk()) ?? false

describe('an edge whose disk is smaller than the image', { skip }, () => {
  const bytes = randomData(SIZE)
  let pair: Pair
  let id: string
  let path: string

  before(async () => {
    pair = await startPair({}, (atEdge) => assert.ok(mountSmallDisk(atEdge)))
    ;({ id, path } = await pair.publish(bytes))
  })

  after(() => pair.close(unmount))

  it('passes on what it cannot store', async (t) => {
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    const stored = (await chunkFiles(pair.atEdge)).length
    t.diagnostic(`${stored} chunks of ${SIZE / MIB} are stored`)
    assert.ok(stored > 4 && stored < 20, `${stored} chunks are stored`)
    assert.match(pair.edge.log(), /cannot be stored, only passed on: .*no space left/)
  })

  it('fetches each chunk once for readers that come together', async () => {
    const before = pair.proxy.chunkBytes()
    const missing = SIZE - (await chunkFiles(pair.atEdge)).length * MIB
    const reads = Array.from({ length: 6 }, () => compareDownload(pair.edge.url, bytes, { path }))
    for (const read of await Promise.all(reads)) assert.deepEqual(read, WHOLE)
    const sent = pair.proxy.chunkBytes() - before
    assert.ok(sent >= missing && sent < 3 * missing, `${sent / MIB} of ${missing / MIB} MiB`)
  })

  it('raises an alarm that operators see (200)', async () => {
    const ready = await eventually('/readyz names the full disk', 5_000, async () => {
      const response = await fetch(`${pair.edge.url}/readyz`)
      const text = await response.text()
      return text.includes('disk-full') ? response.status : null
    })
    assert.equal(ready, 200)
    const metrics = await (await fetch(`${pair.edge.url}/metrics`)).text()
    assert.match(metrics, /^heliostat_disk_full 1$/m)
  })

  it('leaves its registry room to follow', async () => {
    const change = [{ op: 'add', path: '/name', value: 'renamed' }]
    assert.equal((await patchImage(siteAt(pair.origin.url), id, change)).status, 200)
    await eventually('the edge shows the name', 2_000, async () =>
      (await show(pair.edge.url, id))['name'] === 'renamed' ? true : null,
    )
  })

  it('takes over deletions when it has no room at all (404)', async () => {
    fill(pair.atEdge)
    assert.equal((await deleteImage(siteAt(pair.origin.url), id)).status, 204)
    await eventually('the edge has deleted the image', 5_000, async () => {
      const { status } = await fetch(`${pair.edge.url}/v2/images/${id}`)
      return status === 404 ? true : null
    })
  })
})
