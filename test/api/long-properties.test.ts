import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { imageProperties } from '../../schema/tables.ts'
import {
  createImage,
  errorMessage,
  patchImage,
  postImage,
  showImage,
  type ShownImage,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const MIB = 1 << 20
const NAME = 'note'
/** The longest value that a property of this name may have where there is no other. */
const LONGEST = 'x'.repeat(MIB - NAME.length)

const add = (name: string, value: string) => ({ op: 'add', path: `/${name}`, value })

let site: TestSite
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())

const OWNER = asCaller('mine')

/** An image as an older version could make it. */
async function createOversized(): Promise<string> {
  const { id } = await createImage(site, { small: 'x' }, OWNER)
  await site.registry
    .insert(imageProperties)
    .values({ image_id: id, name: 'big', value: 'y'.repeat(2 * MIB) })
  return id
}

describe('the properties of an image', () => {
  it('may have 1 MiB together, names included (201)', async () => {
    const image = await createImage(site, { [NAME]: LONGEST }, OWNER)
    assert.equal(String(image[NAME]).length, LONGEST.length)
  })

  it('may not have a byte more (413)', async () => {
    const response = await postImage(site, { [NAME]: `${LONGEST}x` }, OWNER)
    assert.equal(response.status, 413)
    assert.equal(
      await errorMessage(response),
      'The limit has been exceeded on the number of allowed image property bytes. Attempted: 1048577, Maximum: 1048576',
    )
  })

  it('are counted in UTF-8, all of them (413)', async () => {
    const part = 'é'.repeat(MIB / 8)
    assert.equal((await postImage(site, { a: part, b: part, c: part }, OWNER)).status, 201)
    const four = { a: part, b: part, c: part, d: part }
    assert.equal((await postImage(site, four, OWNER)).status, 413)
  })

  it('cannot be added to beyond it (413)', async () => {
    const { id } = await createImage(site, { [NAME]: LONGEST }, OWNER)
    const response = await patchImage(site, id, [add('more', '')], OWNER)
    assert.equal(response.status, 413)
    assert.match(await errorMessage(response), /property bytes. Attempted: 1048580,/)
    assert.equal((await patchImage(site, id, [add(NAME, 'short')], OWNER)).status, 200)
  })

  it('cannot be added to beyond it by several at once (409, 413)', async () => {
    const { id } = await createImage(site, {}, OWNER)
    const half = 'x'.repeat(MIB / 2 + 1)
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => patchImage(site, id, [add(name, half)], OWNER)),
    )
    const statuses = answers.map(({ status }) => status).toSorted()
    assert.equal(statuses[0], 200)
    assert.ok(
      statuses.slice(1).every((status) => status === 409 || status === 413),
      String(statuses),
    )
    const { a, b, c, d } = await showImage(site, id, OWNER)
    assert.equal([a, b, c, d].filter((value) => value !== undefined).length, 1)
  })

  it('stay and may shrink where there were more before, but not grow (200, 413)', async () => {
    const id = await createOversized()
    assert.equal((await patchImage(site, id, [add('name', 'n')], OWNER)).status, 200)
    assert.equal((await patchImage(site, id, [add('small', 'y')], OWNER)).status, 200)
    assert.equal((await patchImage(site, id, [add('small', 'yy')], OWNER)).status, 413)
    const shorter = [add('big', 'y'.repeat(MIB + 100))]
    assert.equal((await patchImage(site, id, shorter, OWNER)).status, 200)
    assert.equal((await patchImage(site, id, [add('big', 'y'.repeat(2 * MIB))], OWNER)).status, 413)
  })
})

describe('a list of images with long properties', () => {
  const ids: string[] = []

  before(async () => {
    const middle = 'x'.repeat(MIB / 2)
    for (let i = 0; i < 24; i++) {
      const properties = i % 3 === 0 ? { [NAME]: middle, kind: 'long' } : { kind: 'short' }
      const tags = i % 2 === 0 ? ['even'] : []
      const image = await createImage(
        site,
        { name: `listed ${i % 5}`, tags, visibility: 'community', ...properties },
        OWNER,
      )
      ids.push(image.id)
    }
    ids.push(await createOversized(), await createOversized(), await createOversized())
  })

  interface ListPage {
    images: ShownImage[]
    next?: string
  }

  /** The pages that the links lead through. */
  async function pagesOf(query: string, headers: Record<string, string>): Promise<ListPage[]> {
    const pages: ListPage[] = []
    for (let path: string | undefined = `/v2/images?${query}`; path !== undefined;) {
      const response = await site.request(path, { headers })
      assert.equal(response.status, 200)
      const text = await response.text()
      assert.ok(text.length < 7 * MIB, `${text.length} characters`)
      const page: ListPage = JSON.parse(text)
      pages.push(page)
      path = page.next
    }
    return pages
  }

  const idsOf = (pages: ListPage[]) => pages.flatMap(({ images }) => images.map(({ id }) => id))

  it('ends its pages before they are long, and its links lead through all of them (200)', async () => {
    const pages = await pagesOf('limit=1000&owner=mine&visibility=all', ADMIN)
    assert.ok(pages.length > 2, `${pages.length} pages`)
    const shown = idsOf(pages)
    assert.equal(new Set(shown).size, shown.length)
    assert.deepEqual(
      ids.filter((id) => !shown.includes(id)),
      [],
    )
    const whole = pages.flatMap(({ images }) => images)
    assert.equal(String(whole.find(({ id }) => id === ids[0])?.[NAME]).length, MIB / 2)
  })

  it('is the same list in any order, for its owner too (200)', async () => {
    const asked = 'visibility=community&sort=name:asc,created_at:desc&owner=mine'
    const short = idsOf(await pagesOf(`${asked}&limit=2`, OWNER))
    const long = idsOf(await pagesOf(`${asked}&limit=500`, OWNER))
    assert.equal(short.length, 24)
    assert.deepEqual(long, short)
  })

  it('keeps its filters from page to page (200)', async () => {
    const pages = await pagesOf('visibility=community&kind=long&tag=even&owner=mine', ADMIN)
    const wanted = ids.filter((_, i) => i < 24 && i % 3 === 0 && i % 2 === 0)
    assert.deepEqual(idsOf(pages).toSorted(), wanted.toSorted())
  })

  it('still ends its pages at the limit (200)', async () => {
    const pages = await pagesOf('visibility=community&kind=short&limit=5&owner=mine', OWNER)
    assert.deepEqual(
      pages.map(({ images }) => images.length),
      [5, 5, 5, 1],
    )
  })
})
