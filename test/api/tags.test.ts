import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  createActiveImage,
  createImage,
  errorMessage,
  showImage,
  UNKNOWN_ID,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
let id: string
before(async () => {
  site = await createTestSite()
})
after(() => site.close())
beforeEach(async () => {
  id = (await createImage(site, { tags: ['first'] })).id
})

const tag = (method: string, name: string, image = id, headers = {}) =>
  site.request(`http://localhost/v2/images/${image}/tags/${encodeURIComponent(name)}`, {
    method,
    headers: { Accept: 'application/json', ...headers },
  })
const put = (name: string) => tag('PUT', name)
const remove = (name: string) => tag('DELETE', name)
const tagsOf = async () => (await showImage(site, id)).tags

describe('a tag that is put', () => {
  it('comes after those that are there (204)', async () => {
    const response = await put('a second')
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.deepEqual(await tagsOf(), ['first', 'a second'])
  })

  it('may be there already (204)', async () => {
    assert.equal((await put('first')).status, 204)
    assert.equal((await put('first')).status, 204)
    assert.deepEqual(await tagsOf(), ['first'])
  })

  it('is another one in upper case (204)', async () => {
    await put('FIRST')
    assert.deepEqual(await tagsOf(), ['first', 'FIRST'])
  })

  it('is decoded as UTF-8 (204)', async () => {
    assert.equal((await put('é & ü')).status, 204)
    assert.deepEqual(await tagsOf(), ['first', 'é & ü'])
  })

  it('may have characters of four bytes (204)', async () => {
    assert.equal((await put('\u{1F600}')).status, 204)
    assert.deepEqual(await tagsOf(), ['first', '\u{1F600}'])
  })

  it('has no NUL (400)', async () => {
    const response = await put('a\0b')
    assert.equal(response.status, 400)
    assert.equal(await errorMessage(response), "Tag can't contain NUL characters.")
  })

  it('may have 255 characters (204)', async () => {
    assert.equal((await put('x'.repeat(255))).status, 204)
  })

  it('is refused with more (400)', async () => {
    assert.equal((await put('x'.repeat(256))).status, 400)
  })

  it('is refused beyond the quota, unless it is there (413)', async () => {
    const tags = Array.from({ length: 128 }, (_, index) => `tag-${index}`)
    const image = await createImage(site, { tags })
    const response = await tag('PUT', 'one more', image.id)
    assert.equal(response.status, 413)
    assert.match(await errorMessage(response), /Attempted: 129, Maximum: 128$/)
    assert.equal((await tag('PUT', 'tag-0', image.id)).status, 204)
  })

  it('is refused for an unknown image (404)', async () => {
    const response = await tag('PUT', 'a', UNKNOWN_ID)
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `Image ${UNKNOWN_ID} not found.`)
  })

  it('may be put on an active image (204)', async () => {
    const image = await createActiveImage(site, 'data')
    assert.equal((await tag('PUT', 'a', image.id)).status, 204)
  })

  it('is no path of two segments (404)', async () => {
    assert.equal((await put('a/b')).status, 404)
  })

  it('is no empty one (404)', async () => {
    assert.equal((await put('')).status, 404)
  })
})

describe('a tag that is deleted', () => {
  it('is gone (204)', async () => {
    const response = await remove('first')
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.deepEqual(await tagsOf(), [])
  })

  it('was there (404)', async () => {
    assert.equal((await remove('second')).status, 404)
    assert.equal((await remove('First')).status, 404)
  })

  it('was there only once (404)', async () => {
    await remove('first')
    assert.equal((await remove('first')).status, 404)
  })

  it('is refused for an unknown image (404)', async () => {
    const response = await tag('DELETE', 'first', UNKNOWN_ID)
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `Image ${UNKNOWN_ID} not found.`)
  })
})

describe("the tags of another project's image", () => {
  let closed: TestSite
  before(async () => {
    closed = await createTestSite(TRUSTED)
  })
  after(() => closed.close())

  const tryBoth = async (image: string, headers: Record<string, string>) => {
    const path = `/v2/images/${image}/tags/a`
    const added = await closed.request(path, { method: 'PUT', headers })
    const removed = await closed.request(path, { method: 'DELETE', headers })
    return [added.status, removed.status]
  }

  it('are not found where the image is not (404)', async () => {
    const image = await createImage(closed, { tags: ['a'] }, asCaller('alice'))
    assert.deepEqual(await tryBoth(image.id, asCaller('bob')), [404, 404])
  })

  it('are not changed where the image is seen (403)', async () => {
    const attributes = { tags: ['a'], visibility: 'community' }
    const image = await createImage(closed, attributes, asCaller('alice'))
    assert.deepEqual(await tryBoth(image.id, asCaller('bob')), [403, 403])
    assert.deepEqual(await tryBoth(image.id, asCaller('alice', 'reader')), [403, 403])
  })

  it('are changed by administrators and members of the owner (204)', async () => {
    const image = await createImage(closed, {}, asCaller('alice'))
    assert.deepEqual(await tryBoth(image.id, asCaller('cloud', 'admin')), [204, 204])
    assert.deepEqual(await tryBoth(image.id, asCaller('alice', 'member')), [204, 204])
  })
})
