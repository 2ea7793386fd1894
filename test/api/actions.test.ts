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
  showImage,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

describe('an active image', () => {
  it('is deactivated (204)', async () => {
    const { id } = await createActiveImage(site, 'data')
    const response = await actOn(site, id, 'deactivate')
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.equal((await showImage(site, id)).status, 'deactivated')
  })

  it('is deactivated twice (204)', async () => {
    const { id } = await createActiveImage(site, 'data')
    await actOn(site, id, 'deactivate')
    assert.equal((await actOn(site, id, 'deactivate')).status, 204)
    assert.equal((await showImage(site, id)).status, 'deactivated')
  })

  it('is reactivated, which changes nothing (204)', async () => {
    const { id } = await createActiveImage(site, 'data')
    assert.equal((await actOn(site, id, 'reactivate')).status, 204)
    assert.equal((await showImage(site, id)).status, 'active')
  })
})

describe('a deactivated image', () => {
  it('is reactivated, with its data (204)', async () => {
    const { id } = await createActiveImage(site, 'data')
    await actOn(site, id, 'deactivate')
    assert.equal((await actOn(site, id, 'reactivate')).status, 204)
    assert.equal((await actOn(site, id, 'reactivate')).status, 204)
    assert.equal((await showImage(site, id)).status, 'active')
    assert.equal(await (await downloadData(site, id)).text(), 'data')
  })

  it('keeps its data facts (200)', async () => {
    const { id } = await createActiveImage(site, 'data')
    const { status: _was, updated_at: _then, ...before } = await showImage(site, id)
    await actOn(site, id, 'deactivate')
    const { status: _is, updated_at: _now, ...image } = await showImage(site, id)
    assert.deepEqual(image, before)
  })

  it('has metadata and tags that can be changed (200)', async () => {
    const { id } = await createActiveImage(site, 'data')
    await actOn(site, id, 'deactivate')
    const patched = await patchImage(site, id, [{ op: 'replace', path: '/name', value: 'x' }])
    assert.equal((await patched.json()).status, 'deactivated')
    const path = `/v2/images/${id}/tags/a`
    assert.equal((await site.request(path, { method: 'PUT' })).status, 204)
  })

  it('takes no upload (409)', async () => {
    const { id } = await createActiveImage(site, 'data')
    await actOn(site, id, 'deactivate')
    assert.equal((await uploadData(site, id, bytesOf('other'))).status, 409)
  })
})

describe('a queued image', () => {
  it('is not deactivated (403)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const response = await actOn(site, id, 'deactivate')
    assert.equal(response.status, 403)
    assert.equal(await errorMessage(response), "Not allowed to deactivate image in status 'queued'")
  })

  it('is not reactivated (403)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const response = await actOn(site, id, 'reactivate')
    assert.equal(response.status, 403)
    assert.equal(await errorMessage(response), "Not allowed to reactivate image in status 'queued'")
  })
})

describe('an action at the same moment', () => {
  const together = async (...requests: Promise<Response>[]) =>
    (await Promise.all(requests)).map(({ status }) => status)

  it('as the same one is no error (204)', async () => {
    const { id } = await createActiveImage(site, 'data')
    const twice = [actOn(site, id, 'deactivate'), actOn(site, id, 'deactivate')]
    assert.deepEqual(await together(...twice), [204, 204])
  })

  it('as a deletion finds nothing (404)', async () => {
    const { id } = await createActiveImage(site, 'data')
    const requests = [deleteImage(site, id), actOn(site, id, 'deactivate')]
    assert.deepEqual(await together(...requests), [204, 404])
  })
})

describe('an action', () => {
  it('is refused for an unknown image (404)', async () => {
    assert.equal((await actOn(site, UNKNOWN_ID, 'deactivate')).status, 404)
    assert.equal((await actOn(site, UNKNOWN_ID, 'reactivate')).status, 404)
  })

  it('is one of two (404)', async () => {
    const { id } = await createActiveImage(site, 'data')
    assert.equal((await actOn(site, id, 'explode')).status, 404)
  })

  it('is refused with a body, before the image is looked for (400)', async () => {
    const headers = { 'Content-Length': '2' }
    assert.equal((await actOn(site, UNKNOWN_ID, 'deactivate', headers)).status, 400)
  })

  it('is for members of the owner and administrators, policy before status (403)', async () => {
    const closed = await createTestSite(TRUSTED)
    const { id } = await createImage(closed, { visibility: 'community' }, asCaller('alice'))
    const as = async (headers: Record<string, string>) => {
      const response = await actOn(closed, id, 'deactivate', headers)
      return errorMessage(response)
    }
    const refused = 'You are not authorized to complete deactivate action.'
    assert.equal(await as(asCaller('bob')), refused)
    assert.equal(await as(asCaller('alice', 'reader')), refused)
    assert.match(await as(asCaller('alice')), /in status 'queued'$/)
    assert.match(await as(asCaller('cloud', 'admin')), /in status 'queued'$/)
    const hidden = await createImage(closed, { visibility: 'private' }, asCaller('alice'))
    assert.equal((await actOn(closed, hidden.id, 'deactivate', asCaller('bob'))).status, 404)
    await closed.close()
  })
})
