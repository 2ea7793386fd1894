import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  BARE_RAW,
  bytesOf,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  patchImage,
  postImage,
  shareImage,
  storedChunks,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
let closed: TestSite
before(async () => {
  site = await createTestSite()
  closed = await createTestSite(TRUSTED)
})
after(async () => {
  await site.close()
  await closed.close()
})

describe('an image that is deleted', () => {
  it('is gone, without a word (204)', async () => {
    const { id } = await createImage(site)
    const response = await deleteImage(site, id)
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.equal((await site.request(`/v2/images/${id}`)).status, 404)
    assert.equal((await downloadData(site, id)).status, 404)
  })

  it('cannot be deleted again (404)', async () => {
    const { id } = await createImage(site)
    await deleteImage(site, id)
    const response = await deleteImage(site, id)
    assert.equal(response.status, 404)
    assert.match(await errorMessage(response), new RegExp(id))
  })

  it('cannot be deleted twice at the same moment (204, 404)', async () => {
    const { id } = await createImage(site)
    const [first, second] = await Promise.all([deleteImage(site, id), deleteImage(site, id)])
    assert.equal(first.status, 204)
    assert.equal(
      `${second.status} ${await errorMessage(second)}`,
      `404 Failed to find image ${id} to delete`,
    )
  })

  it('cannot be deleted when it never was (404)', async () => {
    assert.equal((await deleteImage(site, UNKNOWN_ID)).status, 404)
  })

  it('has an id that is never given again (409)', async () => {
    const { id } = await createImage(site)
    await deleteImage(site, id)
    const response = await postImage(site, { id })
    assert.equal(response.status, 409)
    assert.equal(await errorMessage(response), `Image ID ${id} already exists!`)
  })

  it('may be active (204)', async () => {
    const { id } = await createActiveImage(site, 'data of a deleted image')
    assert.equal((await deleteImage(site, id)).status, 204)
    assert.equal((await downloadData(site, id)).status, 404)
  })

  it('may be deactivated, and leaves no data even so (204)', async () => {
    const alone = await createTestSite()
    const { id } = await createActiveImage(alone, 'data of a deactivated image')
    await actOn(alone, id, 'deactivate')
    assert.equal((await deleteImage(alone, id)).status, 204)
    assert.equal((await storedChunks(alone)).length, 1)
    await alone.services.sweeper.sweep(0)
    assert.deepEqual(await storedChunks(alone), [])
    await alone.close()
  })

  it('may be deactivated by and belong to one who is no administrator, and leaves no data (204)', async () => {
    const alice = asCaller('alice')
    const { id } = await createImage(closed, BARE_RAW, alice)
    await uploadData(closed, id, bytesOf('data'), alice)
    await actOn(closed, id, 'deactivate', alice)
    assert.equal((await deleteImage(closed, id, alice)).status, 204)
    await closed.services.sweeper.sweep(0)
    assert.deepEqual(await storedChunks(closed), [])
  })

  it('leaves the data that another image has too (204)', async () => {
    const first = await createActiveImage(site, 'data of two images')
    const second = await createActiveImage(site, 'data of two images')
    await deleteImage(site, first.id)
    await site.services.sweeper.sweep(0)
    assert.equal(await (await downloadData(site, second.id)).text(), 'data of two images')
  })
})

describe('a protected image', () => {
  it('is not deleted (403)', async () => {
    const { id } = await createImage(site, { protected: true })
    const response = await deleteImage(site, id)
    assert.equal(response.status, 403)
    assert.equal(await errorMessage(response), `Image ${id} is protected and cannot be deleted.`)
    assert.equal((await site.request(`/v2/images/${id}`)).status, 200)
  })

  it('is not deleted by its owner nor by an administrator (403)', async () => {
    const owner = asCaller('alice')
    const { id } = await createImage(closed, { protected: true }, owner)
    assert.equal((await deleteImage(closed, id, owner)).status, 403)
    assert.equal((await deleteImage(closed, id, asCaller('cloud', 'admin'))).status, 403)
  })

  it('is deleted once it is no longer (204)', async () => {
    const { id } = await createImage(site, { protected: true })
    await patchImage(site, id, [{ op: 'replace', path: '/protected', value: false }])
    assert.equal((await deleteImage(site, id)).status, 204)
  })
})

describe('a delete by somebody else', () => {
  it('finds nothing where he may not see the image (404)', async () => {
    const { id } = await createImage(closed, { protected: true }, asCaller('alice'))
    const response = await deleteImage(closed, id, asCaller('bob'))
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `Failed to find image ${id} to delete`)
  })

  it('says nothing about an image that he may not get (404)', async () => {
    const { id } = await createImage(closed, { visibility: 'community' }, asCaller('alice'))
    const response = await deleteImage(closed, id, asCaller('bob', 'auditor'))
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), 'The resource could not be found.')
  })

  it('is refused where he may, before protection is looked at (403)', async () => {
    const { id } = await createImage(closed, { protected: true }, asCaller('alice'))
    await shareImage(closed, id, 'bob')
    const response = await deleteImage(closed, id, asCaller('bob'))
    assert.equal(response.status, 403)
    assert.equal(
      await errorMessage(response),
      'You are not authorized to complete delete_image action.',
    )
  })

  it('is refused to readers of the project (403)', async () => {
    const { id } = await createImage(closed, {}, asCaller('alice'))
    assert.equal((await deleteImage(closed, id, asCaller('alice', 'reader'))).status, 403)
  })

  it('is done by administrators (204)', async () => {
    const { id } = await createImage(closed, {}, asCaller('alice'))
    assert.equal((await deleteImage(closed, id, asCaller('cloud', 'admin'))).status, 204)
  })
})
