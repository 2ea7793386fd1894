import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HeliostatError } from '../../../src/errors.ts'
import { createImageRepo, type ImageRepo } from '../../../src/images/repo.ts'
import { newNamespace } from '../../../src/metadefs/new-entry.ts'
import { createMetadefRepo } from '../../../src/metadefs/repo.ts'
import { createFeed, type Feed } from '../../../src/mirror/feed/reader.ts'
import { openRegistry } from '../../../src/registry/database.ts'
import { openEmbedded } from '../../../src/registry/embedded.ts'
import { openTestRegistry, queuedImage, type TestRegistry } from '../../support/registry.ts'

describe('the feed', () => {
  let site: TestRegistry
  let images: ImageRepo
  let feed: Feed

  before(async () => {
    site = await openTestRegistry()
    images = createImageRepo(site.registry)
    feed = createFeed(site.registry)
  })

  after(() => site.close())

  async function create() {
    const image = queuedImage({ tags: ['b', 'a'], properties: { os_distro: 'debian' } })
    await images.create(image)
    return image
  }

  it('is empty at first, and has an epoch that stays', async () => {
    assert.equal(await feed.seq(), 0)
    const { epoch, ...rest } = await feed.changes(0)
    assert.deepEqual(rest, { seq: 0, more: false, changes: [] })
    assert.equal(epoch, await feed.epoch())
    assert.equal(epoch, await createFeed(site.registry).epoch())
  })

  it('tells whole records', async () => {
    const image = await create()
    const { changes } = await feed.changes(0)
    const { tags, properties, ...row } = image
    const record = { ...row, tags, properties, members: [], blob: null }
    assert.deepEqual(changes, [{ seq: 1, image: record }])
  })

  it('tells many changes of a record once, at the place of the last one', async () => {
    const after = await feed.seq()
    const [first, second] = [await create(), await create()]
    await images.addTag(first.id, 'c', Date.now())
    await images.addTag(first.id, 'd', Date.now())
    const { changes, seq } = await feed.changes(after)
    assert.deepEqual(
      changes.map((change) => [change.seq - after, change.image.id]),
      [
        [2, second.id],
        [4, first.id],
      ],
    )
    assert.deepEqual(changes[1]?.image.tags, ['b', 'a', 'c', 'd'])
    assert.equal(seq, await feed.seq())
  })

  it('tells of a deleted image what is left of it', async () => {
    const image = await create()
    const after = await feed.seq()
    await images.delete(image.id, 1234)
    const [change] = (await feed.changes(after)).changes
    assert.deepEqual(
      [change?.image.status, change?.image.deleted_at, change?.image.tags],
      ['deleted', 1234, []],
    )
  })

  it('comes in pages that say that there is more', async () => {
    const after = await feed.seq()
    await Promise.all(Array.from({ length: 501 }, create))
    const page = await feed.changes(after)
    assert.deepEqual([page.changes.length, page.more, page.seq], [500, true, after + 500])
    const last = await feed.changes(page.seq)
    assert.deepEqual([last.changes.length, last.more, last.seq], [1, false, after + 501])
  })

  it('wakes who waits for a change, and who need not', async () => {
    const never = new AbortController().signal
    const started = performance.now()
    const since = await feed.seq()
    await feed.untilMoved(since - 1, 10_000, never)
    const waiting = feed.untilMoved(since, 10_000, never)
    await create()
    await waiting
    await feed.untilMoved(await feed.seq(), 1, never)
    await feed.untilMoved(await feed.seq(), 10_000, AbortSignal.abort())
    assert.ok(performance.now() - started < 5_000)
  })

  it('is asked for more rarely where each look is a request', async () => {
    // A server tells of no changes.
    const { changes: _changes, ...client } = openEmbedded(site.file)
    let looks = 0
    const remote = openRegistry({
      ...client,
      protocol: 'http',
      execute: (...statement: Parameters<typeof client.execute>) => {
        looks++
        return client.execute(...statement)
      },
    })
    const since = await feed.seq()
    await createFeed(remote).untilMoved(since, 500, new AbortController().signal)
    client.close()
    assert.equal(looks, 2)
  })

  it('refuses what it has forgotten, and what it has never known [410]', async () => {
    const seq = await feed.seq()
    await feed.compact(3)
    assert.equal((await feed.changes(seq - 3)).changes.length, 3)
    await assert.rejects(feed.changes(seq - 4), isGone)
    await assert.rejects(feed.changes(0), isGone)
    await assert.rejects(feed.changes(seq + 1), isGone)
  })

  it('keeps counting when all of it is forgotten', async () => {
    const seq = await feed.seq()
    await feed.compact(0)
    assert.deepEqual((await feed.changes(seq)).changes, [])
    await assert.rejects(feed.changes(seq - 1), isGone)
    await create()
    assert.equal(await feed.seq(), seq + 1)
    assert.equal((await feed.changes(seq)).changes.length, 1)
  })

  it('reads every record for a snapshot, in the order of ids', async () => {
    const ids: string[] = []
    for (
      let page = await feed.page('');
      page.length > 0;
      page = await feed.page(ids.at(-1) ?? '')
    ) {
      ids.push(...page.map(({ id }) => id))
    }
    assert.deepEqual(ids, [...new Set(ids)].toSorted())
    assert.ok(ids.length > 500)
  })

  it('lets go of all who wait when the server stops', async () => {
    const waiting = feed.untilMoved(await feed.seq(), 60_000, new AbortController().signal)
    const started = performance.now()
    feed.endWaits()
    await waiting
    assert.ok(performance.now() - started < 5_000)
  })
})

describe('a feed of records that are large', () => {
  const MIB = 1 << 20
  let site: TestRegistry
  let feed: Feed
  before(async () => {
    site = await openTestRegistry()
    feed = createFeed(site.registry)
  })
  after(() => site.close())

  async function create(mebibytes: number): Promise<string> {
    const image = queuedImage({ properties: { note: 'x'.repeat(mebibytes * MIB) } })
    await createImageRepo(site.registry).create(image)
    return image.id
  }

  it('comes in pages of bytes, of one record at least', async () => {
    const ids = [await create(5), await create(5), await create(20), await create(1)]
    const pages: string[][] = []
    let after = 0
    for (let more = true; more;) {
      const page = await feed.changes(after)
      pages.push(page.changes.map(({ image }) => image.id))
      ;({ seq: after, more } = page)
    }
    assert.deepEqual(pages, [ids.slice(0, 2), ids.slice(2, 3), ids.slice(3)])
    assert.equal(after, await feed.seq())
  })

  it('is read for a snapshot in such pages too', async () => {
    const lengths: number[] = []
    let afterId = ''
    for (;;) {
      const page = await feed.page(afterId)
      if (page.length === 0) break
      lengths.push(JSON.stringify(page).length)
      afterId = page.at(-1)?.id ?? ''
    }
    assert.ok(lengths.length > 1)
    assert.ok(Math.max(...lengths) < 29 * MIB)
  })

  it('counts what namespaces hold', async () => {
    const after = await feed.seq()
    for (const namespace of ['a', 'b', 'c']) {
      const properties = { note: { title: 'x'.repeat(6 * MIB), type: 'string' as const } }
      await createMetadefRepo(site.registry).create(
        newNamespace({ namespace, properties }, null, 1),
      )
    }
    const page = await feed.changes(after)
    assert.deepEqual([page.metadefs?.namespaces.length, page.more], [2, true])
  })
})

function isGone(error: unknown): boolean {
  return error instanceof HeliostatError && error.code === 'gone'
}
