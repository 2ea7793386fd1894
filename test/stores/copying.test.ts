import assert from 'node:assert/strict'
import { and, eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { condemnedChunks, feed, imageLocations, looseObjects } from '../../schema/tables.ts'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { createCopyRows } from '../../src/images/locations/copies.ts'
import { UPLOAD_LEASE_MS } from '../../src/inventory/leases.ts'
import { createManifests } from '../../src/inventory/manifests.ts'
import { createPlaces } from '../../src/inventory/places.ts'
import { createCopies } from '../../src/stores/copies.ts'
import { type Copier, createCopier } from '../../src/stores/copying.ts'
import { createLooseObjects } from '../../src/stores/loose.ts'
import { createStoreOrder } from '../../src/stores/order.ts'
import { createStores, type Store } from '../../src/stores/store.ts'
import { actOn, BARE_RAW, createImage, deleteImage, uploadData } from '../support/images.ts'
import { createMemoryObjects, type MemoryObjects } from '../support/memory-objects.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { createTestSite, type TestSite } from '../support/site.ts'
import { read } from '../support/chunks.ts'

const MIB = 1 << 20
const SIZE = 3 * MIB + 5
const TWO_STORES = {
  ...SMALL_CHUNKS,
  DEFAULT: { enabled_backends: 'fast:file, slow:file' },
  glance_store: { default_backend: 'fast' },
  fast: { filesystem_store_datadir: '/fast' },
  slow: { filesystem_store_datadir: '/slow' },
}

let site: TestSite
let objects: MemoryObjects
/** The stores of the site, and one of objects. */
let stores: Record<'fast' | 'slow' | 'ceph', Store>
let copier: Copier

async function open(raw = {}) {
  site = await createTestSite({ ...TWO_STORES, ...raw })
  objects = createMemoryObjects()
  const [fast, slow] = site.stores
  assert.ok(fast && slow)
  const ceph = { ...slow, id: 'ceph', kind: 'rbd', chunks: null, objects, writesAtOnce: 2 }
  stores = { fast, slow, ceph }
  copier = openCopier()
}

/** Another process on the same registry. */
function openCopier(quota = Infinity): Copier {
  const { registry } = site
  const all = createStores([stores.fast, stores.slow, stores.ceph], true)
  const manifests = createManifests(registry)
  return createCopier({
    rows: createCopyRows(registry, quota),
    copies: createCopies({
      stores: all,
      order: createStoreOrder(all.all),
      places: createPlaces(registry),
      sizeOfChunk: manifests.sizeOfChunk,
    }),
    manifests,
    looseObjects: createLooseObjects(registry, all),
    digester: inlineDigester,
  })
}

/** An active image in the store fast. */
async function uploaded(data = randomData(SIZE)): Promise<string> {
  const { id } = await createImage(site, BARE_RAW)
  assert.equal((await uploadData(site, id, data)).status, 204)
  return id
}

const locationsOf = async (id: string) =>
  (await site.registry.select().from(imageLocations).where(eq(imageLocations.image_id, id))).map(
    ({ store, status }) => `${store} ${status}`,
  )

async function digestsIn(store: 'fast' | 'slow'): Promise<string[]> {
  const digests = []
  for await (const { digest } of site.memoryOf(store).list()) digests.push(digest)
  return digests
}

/** The store, with something that happens before each chunk is put. */
function meddled(store: Store, before: (digest: string) => Promise<unknown>): Store {
  const { chunks } = store
  assert.ok(chunks)
  const put = async (digest: string, bytes: Uint8Array) => {
    await before(digest)
    await chunks.store.put(digest, bytes)
  }
  return { ...store, chunks: { ...chunks, store: { ...chunks.store, put } } }
}

const announced = () => site.registry.$count(feed)

/** The row that another process writes when it begins a copy. */
async function beginElsewhere(imageId: string) {
  const target = { imageId, store: 'slow', url: null }
  const begun = await createCopyRows(site.registry).begin(target, Date.now())
  assert.ok(typeof begun === 'object')
  return begun
}

/** As if nothing had been heard of the copies of an image for longer than a lease lasts. */
async function leaveForDead(imageId: string): Promise<void> {
  await site.registry
    .update(imageLocations)
    .set({ updated_at: Date.now() - UPLOAD_LEASE_MS - 1_000 })
    .where(and(eq(imageLocations.image_id, imageId), eq(imageLocations.status, 'saving')))
}

describe('a copy of an image', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  it('lies in the other store, is announced once, and is there from then on', async () => {
    const id = await uploaded()
    const before = await announced()
    const done: number[] = []
    assert.equal(
      await copier.copy(id, stores.slow, { progress: (bytes) => done.push(bytes) }),
      'copied',
    )
    assert.deepEqual(await locationsOf(id), ['fast active', 'slow active'])
    assert.deepEqual(await digestsIn('slow'), await digestsIn('fast'))
    assert.equal(await announced(), before + 1)
    assert.equal(done.at(-1), SIZE)
    assert.equal(await copier.copy(id, stores.slow), 'there')
    assert.equal(await announced(), before + 1)
  })

  it('is made of a deactivated image, not of one without bytes, nor of a deleted one', async () => {
    const id = await uploaded()
    assert.equal((await actOn(site, id, 'deactivate')).status, 204)
    assert.equal(await copier.copy(id, stores.slow), 'copied')
    const queued = await createImage(site, BARE_RAW)
    await assert.rejects(copier.copy(queued.id, stores.slow), /"queued", wanted "active"/)
    const deleted = await uploaded()
    assert.equal((await deleteImage(site, deleted)).status, 204)
    assert.equal(await copier.copy(deleted, stores.slow), 'gone')
  })

  it('is made whatever is empty or nothing but zeros', async () => {
    for (const data of [new Uint8Array(), new Uint8Array(SIZE)]) {
      const id = await uploaded(Buffer.from(data))
      assert.equal(await copier.copy(id, stores.slow), 'copied')
    }
    assert.deepEqual(await digestsIn('slow'), [])
  })

  it('ends where the image is deleted in the middle', async () => {
    const id = await uploaded()
    const slow = meddled(stores.slow, () => deleteImage(site, id))
    assert.equal(await copier.copy(id, slow), 'gone')
    assert.deepEqual(await locationsOf(id), [])
  })

  it('leaves nothing behind when it fails, and can be made again', async () => {
    const id = await uploaded()
    const full = meddled(stores.slow, () => Promise.reject(new Error('The disk is full')))
    await assert.rejects(copier.copy(id, full), /The disk is full/)
    assert.deepEqual(await locationsOf(id), ['fast active'])
    assert.equal(await copier.copy(id, stores.slow), 'copied')
  })

  it('is given up at a signal', async () => {
    const id = await uploaded()
    const stop = new AbortController()
    const slow = meddled(stores.slow, async () => stop.abort(new Error('Enough')))
    await assert.rejects(copier.copy(id, slow, { signal: stop.signal }), /Enough/)
    assert.deepEqual(await locationsOf(id), ['fast active'])
  })

  it('has every byte verified: what is damaged in one store comes from another', async () => {
    const id = await uploaded()
    assert.equal(await copier.copy(id, stores.ceph), 'copied')
    const [digest = ''] = await digestsIn('fast')
    await site.memoryOf('fast').delete(digest)
    await site.memoryOf('fast').put(digest, new Uint8Array(MIB))
    assert.equal(await copier.copy(id, stores.slow, { prefer: ['fast'] }), 'copied')
    const chunk = await read(await site.memoryOf('slow').get(digest))
    assert.equal(await inlineDigester.sha256(chunk), digest)
  })

  it('is refused where a chunk is whole nowhere', async () => {
    const id = await uploaded()
    const [digest = ''] = await digestsIn('fast')
    await site.memoryOf('fast').delete(digest)
    await assert.rejects(copier.copy(id, stores.slow), new RegExp(`${digest} is whole in no store`))
    assert.deepEqual(await locationsOf(id), ['fast active'])
  })

  it('goes at its rate', async () => {
    const id = await uploaded()
    const begunAt = performance.now()
    await copier.copy(id, stores.slow, { rate: 80 })
    // The last chunk waits until the bits of three have had their time.
    assert.ok(performance.now() - begunAt >= (3 * MIB * 8) / 80_000 - 5)
  })
})

describe('a copy beside a sweeper', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  it('waits for chunks that are being removed', async () => {
    const id = await uploaded()
    const [digest = ''] = await digestsIn('fast')
    const row = { store: 'slow', digest, condemned_at: Date.now() }
    await site.registry.insert(condemnedChunks).values(row)
    const copying = copier.copy(id, stores.slow)
    await eventually('the copy has begun', 5_000, async () =>
      (await locationsOf(id)).includes('slow saving') ? true : null,
    )
    assert.deepEqual(await digestsIn('slow'), [])
    await site.registry.delete(condemnedChunks)
    assert.equal(await copying, 'copied')
    assert.equal((await digestsIn('slow')).length, 4)
  })

  it('keeps what it has put, however short the grace', async () => {
    const id = await uploaded()
    const slow = meddled(stores.slow, () => site.services.sweeper.sweep(0))
    assert.equal(await copier.copy(id, slow), 'copied')
    await site.services.sweeper.sweep(0)
    assert.deepEqual(await digestsIn('slow'), await digestsIn('fast'))
  })
})

describe('copies of several processes', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  it('of one image into one store become one', async () => {
    const id = await uploaded()
    const ends = await Promise.all([copier, openCopier()].map((one) => one.copy(id, stores.slow)))
    assert.deepEqual(ends.toSorted(), ['copied', 'there'])
    assert.deepEqual(await locationsOf(id), ['fast active', 'slow active'])
  })

  it('are removed when their process has died, and only then', async () => {
    const [dead, alive] = [await uploaded(), await uploaded()]
    await beginElsewhere(dead)
    await leaveForDead(dead)
    await beginElsewhere(alive)
    await copier.recover()
    assert.deepEqual(await locationsOf(dead), ['fast active'])
    assert.deepEqual(await locationsOf(alive), ['fast active', 'slow saving'])
  })

  it('are begun anew where another process died in the middle', async () => {
    const id = await uploaded()
    await beginElsewhere(id)
    await leaveForDead(id)
    assert.equal(await copier.copy(id, stores.slow), 'copied')
    assert.deepEqual(await locationsOf(id), ['fast active', 'slow active'])
  })

  it('end where others have taken them for dead', async () => {
    const id = await uploaded()
    const slow = meddled(stores.slow, () =>
      site.registry.delete(imageLocations).where(eq(imageLocations.store, 'slow')),
    )
    await assert.rejects(copier.copy(id, slow), /nothing was heard of it for 15 s/)
  })

  it('do not disturb uploads, which have no blob yet', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const row = {
      image_id: id,
      store: 'slow',
      status: 'saving',
      created_at: 0,
      updated_at: 0,
    } as const
    await site.registry.insert(imageLocations).values(row)
    await copier.recover()
    assert.deepEqual(await locationsOf(id), ['slow saving'])
  })
})

describe('a copy as an object', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  const url = (id: string) => `memory://${id}`

  it('has the bytes of the image, and chunks are read from it again', async () => {
    const data = randomData(SIZE)
    const id = await uploaded(data)
    assert.equal(await copier.copy(id, stores.ceph), 'copied')
    assert.deepEqual(Buffer.from(objects.whole.get(url(id)) ?? []), data)
    for (const digest of await digestsIn('fast')) await site.memoryOf('fast').delete(digest)
    assert.equal(await copier.copy(id, stores.slow), 'copied')
    assert.equal((await digestsIn('slow')).length, 4)
  })

  it('leaves no object when it fails', async () => {
    const id = await uploaded()
    const [, digest = ''] = await digestsIn('fast')
    await site.memoryOf('fast').delete(digest)
    await assert.rejects(copier.copy(id, stores.ceph), /whole in no store/)
    assert.deepEqual([objects.whole.size, objects.unfinished.size], [0, 0])
    assert.equal(await site.registry.$count(looseObjects), 0)
  })

  it('of a process that has died goes with it', async () => {
    const id = await uploaded()
    const target = { imageId: id, store: 'ceph', url: url(id) }
    await createCopyRows(site.registry).begin(target, Date.now())
    await leaveForDead(id)
    objects.whole.set(url(id), new Uint8Array(SIZE))
    await copier.recover()
    assert.deepEqual([objects.whole.size, await locationsOf(id)], [0, ['fast active']])
  })
})

describe('a copy for which its owner has no space', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  it('is refused before a byte is read (413)', async () => {
    const id = await uploaded()
    await assert.rejects(openCopier(2 * SIZE - 1).copy(id, stores.slow), {
      code: 'too-large',
      message: `Image exceeds the storage quota: user_storage_quota is ${2 * SIZE - 1} bytes, ${SIZE} are used, wanted ${SIZE}`,
    })
    assert.equal(await openCopier(2 * SIZE).copy(id, stores.slow), 'copied')
    assert.deepEqual(await locationsOf(id), ['fast active', 'slow active'])
  })
})
