import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { ShownImage } from '../../support/images.ts'
import { TRUSTED } from '../../support/options.ts'
import { createTestSite, type TestSite } from '../../support/site.ts'
import { compareBy, isListed, type ModelCaller, type ModelImage, type ModelQuery } from './model.ts'
import {
  anyCaller,
  anyImage,
  anyQuery,
  forgetImages,
  headersOf,
  parametersOf,
  writeImages,
} from './world.ts'

const anyImages = fc.uniqueArray(anyImage, { selector: ({ id }) => id, maxLength: 20, size: 'max' })
const anyAsked = fc.array(fc.tuple(anyCaller, anyQuery), { minLength: 1, maxLength: 12 })

const PARAMETERS = [
  ...['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'tag', 'visibility', 'member_status'],
  ...['name', 'id', 'status', 'size', 'size_min', 'foo_max', 'created_at', 'updated_at', 'owner'],
  ...['protected', 'os_hidden', 'changes-since', 'deleted', 'members', 'properties', '__proto__'],
]
const anyOperand = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    '9'.repeat(40),
    'all',
    'name:asc',
    'true',
    '\0',
    '2024-05-01',
  ),
)
const anyParameters = fc.array(
  fc.tuple(
    fc.oneof(fc.constantFrom(...PARAMETERS), fc.string({ unit: 'grapheme' })),
    fc
      .tuple(fc.constantFrom('', 'eq:', 'in:', 'gt:', 'in:"'), anyOperand)
      .map((parts) => parts.join('')),
  ),
  { maxLength: 4 },
)

describe('a list of any images, by any caller, with any filters', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite(TRUSTED)
  })
  after(() => site.close())

  it('shows what the rules say, the newest first (200)', async () => {
    const property = fc.asyncProperty(anyImages, anyAsked, async (images, asked) => {
      await forgetImages(site.registry)
      await writeImages(site.registry, images)
      for (const [caller, query] of asked) {
        assert.deepEqual(await listed(caller, query), expected(images, caller, query))
      }
    })
    await fc.assert(property, { numRuns: 150, interruptAfterTimeLimit: 2_500 })
  })

  it('is refused at worst, whatever is asked (400)', async () => {
    await forgetImages(site.registry)
    await writeImages(site.registry, fc.sample(anyImage, { numRuns: 5, seed: 1 }))
    const property = fc.asyncProperty(anyCaller, anyParameters, async (caller, parameters) => {
      const path = `/v2/images?${new URLSearchParams(parameters)}`
      const response = await site.request(path, { headers: headersOf(caller) })
      await response.text()
      assert.ok([200, 400].includes(response.status), String(response.status))
    })
    await fc.assert(property, { numRuns: 500, interruptAfterTimeLimit: 2_000 })
  })

  async function listed(caller: ModelCaller, query: ModelQuery): Promise<string[]> {
    const path = `/v2/images?${parametersOf(query)}`
    const response = await site.request(path, { headers: headersOf(caller) })
    const text = await response.text()
    assert.equal(response.status, 200, `${path}: ${text}`)
    return JSON.parse(text).images.map(({ id }: ShownImage) => id)
  }
})

function expected(images: ModelImage[], caller: ModelCaller, query: ModelQuery): string[] {
  return images
    .filter((image) => isListed(image, caller, query))
    .toSorted(compareBy([], []))
    .map(({ id }) => id)
}
