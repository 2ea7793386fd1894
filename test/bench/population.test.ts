import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { insertImage, chunksOf } from '../../bench/crafted.ts'
import { imageIdOf, populate, POPULATED_PROJECT } from '../../bench/population.ts'
import { images } from '../../schema/tables.ts'
import { usageOf } from '../../src/images/usage.ts'
import { createManifests } from '../../src/inventory/manifests.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

const COUNT = 250

describe('a registry that is filled for a measurement', () => {
  let test: TestRegistry

  before(async () => {
    test = await openTestRegistry()
    await populate(test.registry, COUNT)
  })

  after(() => test.close())

  it('has as many images as were wanted, by the ids that are asked for', async () => {
    const rows = await test.registry.select({ id: images.id }).from(images)
    const wanted = Array.from({ length: COUNT }, (_, number) => imageIdOf(number))
    assert.deepEqual(rows.map(({ id }) => id).toSorted(), wanted.toSorted())
  })

  it('counts the bytes of a project', async () => {
    const usage = await usageOf(test.registry, POPULATED_PROJECT)
    assert.equal(usage.images, 3)
    assert.ok(usage.storedBytes > 3 << 20)
  })

  it('reads a large image that was never uploaded', async () => {
    const wanted = [null, 'a'.repeat(64), null]
    const { id, size } = await insertImage(test.registry, wanted)
    assert.equal(size, 24 << 20)
    assert.deepEqual(await chunksOf(test.registry, id), wanted)
    const location = await test.registry.query.imageLocations.findFirst({
      where: (table, { eq }) => eq(table.image_id, id),
    })
    const manifest = await createManifests(test.registry).find(location?.blob ?? '')
    assert.deepEqual(manifest?.chunks, wanted)
  })
})
