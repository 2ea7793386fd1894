import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { createImageList, type ImageList } from '../../../src/images/list/pages.ts'
import { parseListQuery } from '../../../src/images/list/query.ts'
import { openTestRegistry, queuedImage, type TestRegistry } from '../../support/registry.ts'
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

  it('has it once where it is asked for several values of what it is sorted by, and by something else', async () => {
    await forgetImages(site.registry)
    const rows = ['raw', 'qcow2'].flatMap((disk_format) =>
      ['bare', 'bare', 'ova', 'ova'].map((container_format) => ({ disk_format, container_format })),
    )
    const images = rows.map((row, index) => ({
      ...queuedImage({ ...row, visibility: 'public', created_at: 1_000 - index }),
      members: {},
    }))
    await writeImages(site.registry, images)
    const parameters = 'disk_format=in:raw,qcow2,iso&sort=disk_format:desc,container_format:asc'
    const query = parseListQuery(new URLSearchParams(parameters), LIMITS)
    for (const limit of [2, 6, 9]) {
      const ids = await idsIn(list, { ...query, limit }, { isAdmin: false, projectId: 'alice' })
      assert.deepEqual(
        ids,
        images.map(({ id }) => id),
      )
    }
  })

  /** All pages, one after the other. */
  async function idsOf({ caller, query, order, limit }: Asked): Promise<string[]> {
    const params = new URLSearchParams([...parametersOf(query), ...order.parameters])
    const asked = { ...parseListQuery(params, LIMITS), limit }
    return idsIn(list, asked, { isAdmin: caller.isAdmin, projectId: caller.project })
  }
})

async function idsIn(
  list: ImageList,
  asked: Parameters<ImageList>[0],
  viewer: Parameters<ImageList>[1],
): Promise<string[]> {
  const ids: string[] = []
  let marker: Parameters<ImageList>[2] = null
  for (;;) {
    const page = await list(asked, viewer, marker)
    assert.ok(page.images.length <= asked.limit)
    ids.push(...page.images.map(({ id }) => id))
    assert.ok(ids.length <= 25, 'an image is shown twice')
    marker = page.images.at(-1) ?? null
    if (!page.isFull || marker === null) return ids
  }
}
