import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { imageProperties, images, imageTags } from '../../schema/tables.ts'
import type { Image } from '../../src/images/image.ts'
import { createImageRepo, type ImageRepo } from '../../src/images/repo.ts'
import { createFeed } from '../../src/mirror/feed/reader.ts'
import { openTestRegistry, queuedImage, type TestRegistry } from '../support/registry.ts'

const QUOTAS = { image_property_quota: 3, image_tag_quota: 3 }

let site: TestRegistry
let repo: ImageRepo
let image: Image
before(async () => {
  site = await openTestRegistry()
  repo = createImageRepo(site.registry)
})
after(() => site.close())
beforeEach(async () => {
  image = queuedImage({ tags: ['a', 'b'], properties: { x: '1', y: '2' } })
  await repo.create(image)
})

/** All that the registry has of the image, and how many changes it has told of. */
const everything = async () => ({
  row: await site.registry.select().from(images).where(eq(images.id, image.id)),
  tags: await site.registry.select().from(imageTags).where(eq(imageTags.image_id, image.id)),
  properties: await site.registry
    .select()
    .from(imageProperties)
    .where(eq(imageProperties.image_id, image.id)),
  seq: await createFeed(site.registry).seq(),
})

/** What is refused, and leaves everything as it was. */
async function refuses(change: () => Promise<boolean>): Promise<void> {
  const before = await everything()
  assert.equal(await change(), false)
  assert.deepEqual(await everything(), before)
}

describe('a change of an image that was read before', () => {
  const changed = (): Image => ({
    ...image,
    name: 'new',
    tags: ['b', 'c'],
    properties: { y: '3', z: '4' },
    updated_at: image.updated_at + 1,
  })

  it('saves all that differs', async () => {
    assert.equal(await repo.update(image, changed(), QUOTAS), true)
    const {
      blob: _blob,
      locations: _locations,
      isMember: _isMember,
      ...found
    } = (await find()) ?? {}
    assert.deepEqual(found, changed())
  })

  it('saves nothing once it is deleted', async () => {
    await repo.delete(image.id, Date.now())
    await refuses(() => repo.update(image, changed(), QUOTAS))
    await refuses(() => repo.addTag(image.id, 'c', Date.now()))
    await refuses(() => repo.changeStatus(image, 'deactivated', Date.now()))
  })

  it('saves nothing while it waits for its deletion', async () => {
    await repo.changeStatus(image, 'active', Date.now())
    await repo.deleteLater(image.id, Date.now())
    await refuses(() => repo.update(image, changed(), QUOTAS))
    await refuses(() => repo.removeTag(image.id, 'a', Date.now()))
  })

  it('saves nothing when the formats change and it is no longer queued', async () => {
    await repo.changeStatus(image, 'active', Date.now())
    await refuses(() => repo.update(image, { ...changed(), disk_format: 'qcow2' }, QUOTAS))
    assert.equal(await repo.update(image, changed(), QUOTAS), true)
  })

  it('saves nothing when others have taken the last of the quota', async () => {
    const more = { ...image, properties: { ...image.properties, own: '' } }
    await repo.update(image, { ...image, properties: { ...image.properties, other: '' } }, QUOTAS)
    await refuses(() => repo.update(image, more, QUOTAS))
    assert.equal(await repo.update(image, more, { ...QUOTAS, image_property_quota: -1 }), true)
  })

  it('takes no tag away that is not there', async () => {
    await refuses(() => repo.removeTag(image.id, 'c', Date.now()))
  })

  it('leaves a status that it has left', async () => {
    await repo.changeStatus(image, 'active', Date.now())
    await refuses(() => repo.changeStatus(image, 'deactivated', Date.now()))
  })

  const find = () => repo.find(image.id, { isAdmin: true, projectId: null })
})
