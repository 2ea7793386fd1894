import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { images, site as siteTable } from '../../../schema/tables.ts'
import { createFeed } from '../../../src/mirror/feed/reader.ts'
import {
  followFakeUpstream,
  imageOf,
  manifestOf,
  manifestPath,
  sendJson,
  sendManifest,
  sendStatus,
} from '../../support/fake-upstream.ts'
import { eventually } from '../../support/server.ts'

type Follower = ReturnType<Awaited<ReturnType<typeof followFakeUpstream>>['start']>

const good = manifestOf('a')
const missing = manifestOf('b')

let edge: Awaited<ReturnType<typeof followFakeUpstream>>
let follower: Follower
let running: Promise<void>

beforeEach(async () => {
  edge = await followFakeUpstream()
  edge.site.answers.set(manifestPath(good), sendManifest(good))
  start()
})

afterEach(async () => {
  await stop()
  edge.site.close()
  await edge.database.close()
})

function start(): void {
  follower = edge.start()
  running = follower.run()
}

async function stop(): Promise<void> {
  follower.stop()
  await running
}

async function untilTold(): Promise<void> {
  await eventually('the edge is up to date', 10_000, () =>
    follower.status().seq === edge.seq() ? true : null,
  )
}

const shown = async () => {
  const rows = await createFeed(edge.database.registry).page('')
  return rows.map(({ id, name, blob }) => ({ id, name, blob }))
}

const withheld = () => follower.status().withheld

describe('an image whose manifest cannot be had', () => {
  it('is withheld, and the others of its page are shown', async () => {
    const [here, away] = [imageOf(good), imageOf(missing)]
    edge.tell(away, here)
    await untilTold()
    assert.deepEqual(
      (await shown()).map(({ id }) => id),
      [here.id],
    )
    const reason = 'no upstream has its manifest'
    await eventually('it is told', 1_000, () => (withheld().length > 0 ? true : null))
    assert.deepEqual(withheld(), [{ id: away.id, reason }])
    assert.equal(follower.status().error, null)
  })

  it('is asked for again, and shown once it can be had', async () => {
    const away = imageOf(missing)
    edge.tell(away)
    await untilTold()
    edge.site.answers.set(manifestPath(missing), sendManifest(missing))
    await eventually('it is shown', 10_000, async () => ((await shown()).length > 0 ? true : null))
    await eventually('none is withheld', 2_000, () => (withheld().length === 0 ? true : null))
  })

  it('is asked for at once when it changes again', async () => {
    const away = imageOf(missing)
    edge.tell(away)
    await untilTold()
    edge.tell({ ...away, name: 'again', blob: imageOf(good).blob })
    await untilTold()
    assert.deepEqual(await shown(), [{ id: away.id, name: 'again', blob: imageOf(good).blob }])
    await eventually('none is withheld', 2_000, () => (withheld().length === 0 ? true : null))
  })

  it('stays as it was before, until it can be had', async () => {
    const before = imageOf(good, { name: 'before' })
    edge.tell(before)
    await untilTold()
    edge.tell({ ...before, name: 'after', blob: imageOf(missing).blob })
    await untilTold()
    assert.deepEqual(await shown(), [{ id: before.id, name: 'before', blob: before.blob }])
  })

  it('is deleted all the same', async () => {
    const before = imageOf(good)
    edge.tell(before)
    await untilTold()
    const { blob } = imageOf(missing)
    edge.tell({ ...before, status: 'pending_delete', deleted_at: 5, blob })
    await untilTold()
    const [row] = await edge.database.registry.select().from(images)
    assert.deepEqual([row?.status, row?.deleted_at], ['pending_delete', 5])
  })

  it('is remembered by an edge that starts again', async () => {
    const away = imageOf(missing)
    edge.tell(away)
    await untilTold()
    await stop()
    edge.site.answers.set(manifestPath(missing), sendManifest(missing))
    start()
    await eventually('it is shown', 10_000, async () => ((await shown()).length > 0 ? true : null))
  })

  it('keeps its older version in a snapshot, which goes on too', async () => {
    const before = imageOf(good, { name: 'before' })
    const gone = imageOf(good)
    edge.tell(before, gone)
    await untilTold()
    const [after, another] = [{ ...before, blob: imageOf(missing).blob }, imageOf(good)]
    edge.site.answers.set('snapshot', sendJson({ epoch: 'f', seq: 7 }, after, another))
    edge.site.answers.set('head', sendJson({ epoch: 'f', seq: 7, time: 1, sites: ['origin'] }))
    await eventually('the snapshot is taken', 10_000, () =>
      follower.status().epoch === 'f' ? true : null,
    )
    const ids = (await shown()).map(({ id }) => id)
    assert.deepEqual(ids, [before.id, another.id].toSorted())
    assert.equal((await shown()).find(({ id }) => id === before.id)?.name, 'before')
  })
})

describe('a manifest that is refused', () => {
  async function refuses(answer: Parameters<typeof edge.site.answers.set>[1]): Promise<string> {
    const bad = imageOf(missing)
    edge.site.answers.set(manifestPath(missing), answer)
    edge.tell(bad, imageOf(good))
    await untilTold()
    await eventually('it is told', 1_000, () => (withheld().length > 0 ? true : null))
    assert.equal((await shown()).length, 1)
    return withheld()[0]?.reason ?? ''
  }

  it('is no reason to leave its site alone', async () => {
    assert.match(await refuses(sendJson({ version: 1 })), /^Manifest is refused: size: /)
    edge.tell(imageOf(good))
    await untilTold()
    assert.equal((await shown()).length, 2)
  })

  it('is one that has another name', async () => {
    assert.match(await refuses(sendManifest(good)), /not what its name says/)
  })

  it('is one that has more in it than a manifest has', async () => {
    const padded = `${JSON.stringify(missing)} `
    assert.match(await refuses((outgoing) => outgoing.end(padded)), /refused/)
  })

  it('is one that answers 500, where the upstream is well', async () => {
    assert.match(await refuses(sendStatus(500)), /cannot be had.*answers 500/)
  })

  it('is one that says another length of a chunk than a manifest that is here', async () => {
    edge.tell(imageOf(good))
    await untilTold()
    const lying = manifestOf('c', { size: 4, chunks: good.chunks })
    edge.site.answers.set(manifestPath(lying), sendManifest(lying))
    edge.tell(imageOf(lying))
    await untilTold()
    await eventually('it is told', 1_000, () => (withheld().length > 0 ? true : null))
    assert.match(withheld()[0]?.reason ?? '', /another length of chunk aaaa/)
  })

  it('is one that says another length of a chunk than one that came with it', async () => {
    const lying = manifestOf('c', { size: 4, chunks: good.chunks })
    edge.site.answers.set(manifestPath(lying), sendManifest(lying))
    edge.tell(imageOf(good), imageOf(lying))
    await untilTold()
    await eventually('it is told', 1_000, () => (withheld().length > 0 ? true : null))
    assert.equal((await shown()).length, 1)
  })
})

describe('images that are withheld', () => {
  it('may not be too many: the feed stops then, and says so', async () => {
    const many = (count: number) => Array.from({ length: count }, () => imageOf(missing))
    edge.tell(...many(400))
    await untilTold()
    edge.tell(...many(400))
    await untilTold()
    edge.tell(...many(400))
    const error = await eventually('it is told', 5_000, () => follower.status().error)
    assert.match(error, /Too much is withheld, 1200 images: wanted at most 1000.*no upstream has/)
    assert.equal((await edge.replica.withheld()).length, 800)
  })

  it('are none where what is known of them is damaged', async () => {
    edge.tell(imageOf(missing))
    await untilTold()
    const damaged = { value: '[{"image":{}}]' }
    await edge.database.registry.update(siteTable).set(damaged).where(eq(siteTable.key, 'withheld'))
    assert.deepEqual(await edge.replica.withheld(), [])
  })
})

describe('an upstream that cannot be reached', () => {
  it('is no reason to withhold anything', async () => {
    await untilTold()
    edge.site.answers.set(manifestPath(missing), (outgoing) => {
      edge.site.answers.set('head', sendStatus(502))
      outgoing.destroy()
    })
    edge.tell(imageOf(missing))
    await eventually('it is told', 5_000, () => follower.status().error)
    assert.deepEqual(await edge.replica.withheld(), [])
  })
})
