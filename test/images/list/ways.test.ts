import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { createImageList, type ImageList } from '../../../src/images/list/pages.ts'
import { parseListQuery } from '../../../src/images/list/query.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'
import { isListed } from './model.ts'
import { anyOrder } from './orders.ts'
import { anyCaller, anyImage, anyQuery, forgetImages, parametersOf, writeImages } from './world.ts'

const LIMITS = { limit_param_default: 25, api_limit_max: 1000 }

/** So low that even a handful of images is too many to be looked at all together. */
const BOUNDS = { few: 2, fewAside: 4, start: 3, startAside: 6, candidates: 2 }

const anyImages = fc.uniqueArray(anyImage, { selector: ({ id }) => id, maxLength: 25, size: 'max' })
const anyAsked = fc.record({
  caller: anyCaller,
  query: anyQuery,
  order: anyOrder,
  limit: fc.integer({ min: 1, max: 6 }),
})

type Asked = typeof anyAsked extends fc.Arbitrary<infer T> ? T : never

describe('a list of more images than are looked at together', () => {
  let site: TestRegistry
  let list: ImageList
  before(async () => {
    site = await openTestRegistry()
    list = createImageList(site.registry, false, BOUNDS)
  })
  after(() => site.close())

  it('has each image that it shows once and in order, whichever way it is read', async () => {
    const property = fc.asyncProperty(
      anyImages,
      fc.array(anyAsked, { minLength: 1, maxLength: 10 }),
      async (images, asked) => {
        await forgetImages(site.registry)
        await writeImages(site.registry, images)
        for (const one of asked) {
          const { caller, query, order } = one
          const listed = images.filter((image) => isListed(image, caller, query))
          const expected = listed.toSorted(order.compare).map(({ id }) => id)
          assert.deepEqual(await idsOf(one), expected, JSON.stringify(one))
        }
      },
    )
    await fc.assert(property, { numRuns: 400, interruptAfterTimeLimit: 10_000 })
  })

  /** All pages, one after the other. */
  async function idsOf({ caller, query, order, limit }: Asked): Promise<string[]> {
    const params = new URLSearchParams([...parametersOf(query), ...order.parameters])
    const asked = { ...parseListQuery(params, LIMITS), limit }
    const viewer = { isAdmin: caller.isAdmin, projectId: caller.project }
    const ids: string[] = []
    let marker: Parameters<ImageList>[2] = null
    for (;;) {
      const page = await list(asked, viewer, marker)
      assert.ok(page.images.length <= limit)
      ids.push(...page.images.map(({ id }) => id))
      assert.ok(ids.length <= 25, 'an image is shown twice')
      marker = page.images.at(-1) ?? null
      if (!page.isFull || marker === null) return ids
    }
  }
})
