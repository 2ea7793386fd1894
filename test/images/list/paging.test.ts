import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { deleteImage, type ShownImage } from '../../support/images.ts'
import { TRUSTED } from '../../support/options.ts'
import { createTestSite, type TestSite } from '../../support/site.ts'
import { isListed, type ModelCaller, type ModelImage, type ModelQuery } from './model.ts'
import { anyOrder, type AskedOrder } from './orders.ts'
import {
  anyCaller,
  anyImage,
  anyQuery,
  forgetImages,
  headersOf,
  parametersOf,
  writeImages,
} from './world.ts'

/** What others do between two pages. */
interface Meanwhile {
  created: ModelImage[]
  /** Which of the images there are by then, as a part of their number. */
  deleted: number[]
}

interface Walk {
  images: ModelImage[]
  caller: ModelCaller
  query: ModelQuery
  order: AskedOrder
  limit: number
  meanwhile: Meanwhile[]
}

const anyMeanwhile = fc.record({
  created: fc.array(anyImage, { maxLength: 2 }),
  deleted: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    maxLength: 2,
  }),
})

const anyWalk: fc.Arbitrary<Walk> = fc
  .record({
    images: fc.array(anyImage, { maxLength: 20, size: 'max' }),
    caller: anyCaller,
    query: anyQuery,
    order: anyOrder,
    limit: fc.integer({ min: 1, max: 4 }),
    meanwhile: fc.array(anyMeanwhile, { maxLength: 6 }),
  })
  .filter(({ images, meanwhile }) => {
    const all = [...images, ...meanwhile.flatMap(({ created }) => created)]
    return new Set(all.map(({ id }) => id)).size === all.length
  })

describe('a walk through the pages of a list, while images come and go', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite(TRUSTED)
  })
  after(() => site.close())

  it('shows each image that stays, once and in order (200)', async () => {
    await fc.assert(fc.asyncProperty(anyWalk, walks), {
      numRuns: 250,
      interruptAfterTimeLimit: 2_500,
    })
  })

  async function walks(walk: Walk): Promise<void> {
    await forgetImages(site.registry)
    await writeImages(site.registry, walk.images)
    const { order, caller, query } = walk
    const { known, gone, shown } = await follow(walk)
    const byId = new Map(known.map((image) => [image.id, image]))
    const seen = shown.map((id) => byId.get(id)).filter((image) => image !== undefined)
    assert.equal(seen.length, shown.length)
    assert.ok(
      seen.every((image) => isListed(image, caller, query)),
      'an image that the query leaves out',
    )
    assertAscending(seen, order)
    const stayed = walk.images.filter(
      (image) => !gone.has(image.id) && isListed(image, caller, query),
    )
    assert.deepEqual(
      stayed.filter(({ id }) => !shown.includes(id)),
      [],
      'an image that stayed was not shown',
    )
  }

  /** Follows the links to the end; all images that there ever were, those deleted on the way, and what was shown. */
  async function follow({ images, caller, query, order, limit, meanwhile }: Walk) {
    const known = [...images]
    const gone = new Set<string>()
    const shown: string[] = []
    const params = new URLSearchParams([
      ...parametersOf(query),
      ...order.parameters,
      ['limit', String(limit)],
    ])
    const events = meanwhile[Symbol.iterator]()
    let path: string | undefined = `/v2/images?${params}`
    const first = path
    while (path !== undefined) {
      const page = await readPage(path, caller)
      assert.equal(page.first, first)
      assert.ok(page.images.length <= limit)
      assert.equal(page.next !== undefined, page.images.length === limit)
      shown.push(...page.images.map(({ id }) => id))
      path = page.next
      const { created = [], deleted = [] }: Partial<Meanwhile> = events.next().value ?? {}
      await writeImages(site.registry, created)
      known.push(...created)
      await removeSome(deleted, known, gone, shown.at(-1))
    }
    return { known, gone, shown }
  }

  /** Whoever is no administrator cannot page on from an image that is deleted, so that one stays. */
  async function removeSome(
    parts: number[],
    known: ModelImage[],
    gone: Set<string>,
    marker: string | undefined,
  ): Promise<void> {
    for (const part of parts) {
      const image = known[Math.floor(part * known.length)]
      if (!image || gone.has(image.id) || image.id === marker || image.protected) continue
      const response = await deleteImage(site, image.id, ADMIN)
      assert.equal(response.status, 204)
      gone.add(image.id)
    }
  }

  async function readPage(path: string, caller: ModelCaller) {
    const response = await site.request(path, { headers: headersOf(caller) })
    const text = await response.text()
    assert.equal(response.status, 200, `${path}: ${text}`)
    const page: { images: ShownImage[]; first: string; next?: string } = JSON.parse(text)
    return page
  }
})

const ADMIN = headersOf({ isAdmin: true, project: null })

function assertAscending(seen: ModelImage[], { compare }: AskedOrder): void {
  for (const [index, image] of seen.slice(1).entries()) {
    const before = seen[index]
    assert.ok(before && compare(before, image) < 0, `${before?.id} is shown before ${image.id}`)
  }
}
