import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { imageLocations, images, looseObjects, NO_STORE } from '../../schema/tables.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import { createStoreOwner } from '../../src/inventory/store-owner.ts'
import { renameStores } from '../../src/stores/known-stores.ts'
import { createStores } from '../../src/stores/store.ts'
import { collectLogs } from '../support/logs.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'
import { chunksIn } from '../support/stores.ts'

let site: TestRegistry
beforeEach(async () => {
  site = await openTestRegistry()
})
afterEach(() => site.close())

/** The stores of a configuration, the first of which is the default one. */
function configured(...named: { id: string; kind?: string; place: string }[]) {
  const store = createMemoryStore()
  const { registry } = site
  const owner = createStoreOwner({
    registry,
    storeId: 'any',
    store,
    id: async () => 'registry',
    isEdge: false,
  })
  const all = named.map((facts, index) =>
    chunksIn(store, { owner, ...facts, isDefault: index === 0 }),
  )
  return createStores(all, true)
}

async function locate(store: string): Promise<void> {
  const image = queuedRow()
  const times = { created_at: 1, updated_at: 1 }
  await site.registry.insert(images).values(image)
  await site.registry.insert(imageLocations).values({ image_id: image.id, store, ...times })
}

async function located(): Promise<string[]> {
  const rows = await site.registry.select({ store: imageLocations.store }).from(imageLocations)
  return rows.map(({ store }) => store).toSorted()
}

/** A start of the service, and what it logs. */
async function start(...named: Parameters<typeof configured>): Promise<string[]> {
  const { lines, stop } = collectLogs()
  await renameStores(site.registry, configured(...named)).finally(stop)
  return lines
}

describe('a store that was renamed in the configuration', () => {
  it('keeps its locations and its loose objects, by its place', async () => {
    await start({ id: 'old', place: 'file:/a' }, { id: 'other', place: 'file:/b' })
    await Promise.all([locate('old'), locate('old'), locate('other')])
    await site.registry.insert(looseObjects).values({ store: 'old', url: 'rbd://a' })
    const renamed = [
      { id: 'new', place: 'file:/a' },
      { id: 'other', place: 'file:/b' },
    ]
    assert.deepEqual(await start(...renamed), ['info: 2 locations now name store new'])
    assert.deepEqual(await located(), ['new', 'new', 'other'])
    const [loose] = await site.registry.select().from(looseObjects)
    assert.equal(loose?.store, 'new')
    assert.deepEqual(await start(...renamed), [])
  })

  it('is told of as long as its place is not configured, and is found again later', async () => {
    await start({ id: 'here', place: 'file:/a' }, { id: 'gone', place: 'file:/b' })
    await locate('gone')
    assert.deepEqual(await start({ id: 'here', place: 'file:/a' }), [
      'error: 1 images have a copy in store "gone", which is not configured',
    ])
    await start({ id: 'here', place: 'file:/a' }, { id: 'back', place: 'file:/b' })
    assert.deepEqual(await located(), ['back'])
  })
})

describe('locations from before stores had names', () => {
  it('are those of the default store, where that has files', async () => {
    await locate(NO_STORE)
    await start({ id: 'files', place: 'file:/a' }, { id: 'ceph', kind: 'rbd', place: 'rbd:x' })
    assert.deepEqual(await located(), ['files'])
  })

  it('are otherwise those of the first store that has', async () => {
    await locate(NO_STORE)
    await start({ id: 'ceph', kind: 'rbd', place: 'rbd:x' }, { id: 'files', place: 'file:/a' })
    assert.deepEqual(await located(), ['files'])
  })
})
