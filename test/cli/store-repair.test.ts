import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { repairCopy } from '../../src/cli/store-repair.ts'
import { loadConfig } from '../../src/config.ts'
import { copiesIn } from '../../src/images/locations/held.ts'
import { createPlaces } from '../../src/inventory/places.ts'
import { createSiteCopier } from '../../src/runtime/site-copier.ts'
import { createCopies } from '../../src/stores/copies.ts'
import { createLooseObjects } from '../../src/stores/loose.ts'
import { createStoreOrder } from '../../src/stores/order.ts'
import { createStores, type Store } from '../../src/stores/store.ts'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { createMemoryObjects } from '../support/memory-objects.ts'
import { randomData } from '../support/random-data.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const DATA = randomData(1 << 20)

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

/** An image in the store of files, and damaged as an object. */
async function damagedObject() {
  const { registry, services } = site
  const objects = createMemoryObjects()
  const [file] = site.stores
  assert.ok(file)
  const ceph: Store = { ...file, id: 'ceph', kind: 'rbd', isDefault: false, chunks: null, objects }
  const stores = createStores([file, ceph], true)
  const copiesOf = (all: readonly Store[]) =>
    createCopies({
      stores,
      order: createStoreOrder(all),
      places: createPlaces(registry),
      sizeOfChunk: services.manifests.sizeOfChunk,
    })
  const parts = {
    config: loadConfig({}).config,
    registry,
    stores,
    manifests: services.manifests,
    copies: copiesOf(stores.all),
    looseObjects: createLooseObjects(registry, stores),
    digester: { ...inlineDigester, close: async () => undefined },
    copiesWithout: (left: Store) => copiesOf(stores.all.filter((store) => store !== left)),
    signal: new AbortController().signal,
    close: async () => undefined,
  }
  const { id } = await createImage(site, BARE_RAW)
  assert.equal((await uploadData(site, id, DATA)).status, 204)
  assert.equal(await createSiteCopier(parts).copy(id, ceph), 'copied')
  const url = `memory://${id}`
  objects.whole.set(url, new Uint8Array(DATA.length))
  const held = (await copiesIn(registry, 'ceph')).find((copy) => copy.imageId === id)
  assert.ok(held)
  return { objects, url, repair: () => repairCopy(parts, ceph, { held, flaws: [] }) }
}

describe('the repair of an object', () => {
  it('writes it anew from another store', async () => {
    const { objects, url, repair } = await damagedObject()
    await repair()
    assert.deepEqual(Buffer.from(objects.whole.get(url) ?? []), DATA)
  })

  it('leaves one that others stand on', async () => {
    const { objects, url, repair } = await damagedObject()
    objects.inUse.add(url)
    await assert.rejects(repair(), /is in use/)
    assert.equal(objects.whole.size, 1)
  })

  it('leaves what is whole nowhere else', async () => {
    const { objects, repair } = await damagedObject()
    for await (const { digest } of site.store.list()) await site.store.delete(digest)
    await assert.rejects(repair(), /whole in no other store/)
    assert.equal(objects.whole.size, 1)
  })
})
