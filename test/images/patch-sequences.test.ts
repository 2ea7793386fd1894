import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { patchImage, showImage, type ShownImage, V20, V21 } from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { queuedImage } from '../support/registry.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'
import { writeImages } from './list/world.ts'
import {
  BASE,
  CUSTOM,
  type Operation,
  outcomeOf,
  QUOTA,
  READ_ONLY,
  type Request,
  RESERVED,
  type State,
  type Step,
  valuesOf,
} from './patch-model.ts'

const MEMBER = asCaller('alice')

const anyName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...BASE) },
  { weight: 8, arbitrary: fc.constantFrom(...CUSTOM) },
  { weight: 1, arbitrary: fc.constantFrom('locations', ...READ_ONLY, ...RESERVED) },
)
const anyOp = fc.constantFrom<Operation['op']>('add', 'add', 'replace', 'replace', 'remove')

const anyValueOf = (name: string) =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom(...valuesOf(name).good) },
    { weight: 1, arbitrary: fc.constantFrom(...valuesOf(name).bad) },
  )

const anyOperation: fc.Arbitrary<Operation> = anyName.chain((name) =>
  fc.record({ op: anyOp, name: fc.constant(name), value: anyValueOf(name) }),
)

/** Wrong in both dialects. */
const anyBroken = fc
  .constantFrom<unknown>(
    {},
    'add',
    { op: 'test', path: '/name', value: 'x' },
    { op: 'add', add: 'name', path: 'name', value: 'x' },
    { op: 'add', add: '/tags/0', path: '/tags/0', value: 'x' },
    { op: 'add', add: '/a~2', path: '/a~2', value: 'x' },
    { op: 'replace', replace: '/name', path: '/name' },
  )
  .map((broken) => ({ broken }))

const anyRequest: fc.Arbitrary<Request> = fc.record({
  dialect: fc.constantFrom('v2.0', 'v2.1', 'v2.1'),
  isAdmin: fc.boolean(),
  steps: fc.array<Step>(
    fc.oneof({ weight: 40, arbitrary: anyOperation }, { weight: 1, arbitrary: anyBroken }),
    { maxLength: 6 },
  ),
})

const anyState: fc.Arbitrary<State> = fc
  .record({
    status: fc.constantFrom('queued', 'active'),
    tags: fc.constantFrom<string[]>([], ['a', 'b']),
    custom: fc.constantFrom<Record<string, string>>({}, { arch: 'arm' }, { arch: 'arm', '': '0' }),
  })
  .map(({ status, tags, custom }) => ({
    status,
    base: { ...pick(queuedImage(), BASE), owner: 'alice', tags },
    custom,
  }))

describe('any sequence of operations', () => {
  let site: TestSite
  before(async () => {
    const quotas = { image_property_quota: String(QUOTA), image_tag_quota: String(QUOTA) }
    site = await createTestSite({ ...TRUSTED, DEFAULT: quotas })
  })
  after(() => site.close())

  it('is done as a whole, or refused as a whole (200)', async () => {
    await fc.assert(fc.asyncProperty(anyState, anyRequest, agrees), {
      numRuns: 200,
      interruptAfterTimeLimit: 2_500,
    })
  })

  async function agrees(state: State, request: Request): Promise<void> {
    const id = await write(state)
    const before = await showImage(site, id, ADMIN)
    const response = await patchImage(
      site,
      id,
      request.steps.map((step) => ('op' in step ? render(step, request) : step.broken)),
      {
        ...(request.isAdmin ? ADMIN : MEMBER),
        'Content-Type': request.dialect === 'v2.0' ? V20 : V21,
      },
    )
    const expected = outcomeOf(state, request)
    const text = await response.text()
    const shown = await showImage(site, id, ADMIN)
    if (typeof expected === 'number') {
      assert.equal(response.status, expected, text)
      assert.deepEqual(shown, before)
    } else {
      assert.equal(response.status, 200, text)
      assert.deepEqual(JSON.parse(text), shown)
      assert.deepEqual(stateOf(shown), expected)
    }
  }

  async function write({ status, base, custom }: State): Promise<string> {
    const image = { ...queuedImage(), ...base, properties: custom, members: {} }
    await writeImages(site.registry, [
      { ...image, status: status === 'active' ? 'active' : 'queued' },
    ])
    return image.id
  }
})

function stateOf(shown: ShownImage): State {
  const isCustom = ([name]: [string, unknown]) => CUSTOM.includes(name)
  return {
    status: shown.status,
    base: pick(shown, BASE),
    custom: Object.fromEntries(
      Object.entries(shown)
        .filter(isCustom)
        .map(([name, value]) => [name, value === null ? null : String(value)]),
    ),
  }
}

function pick(attributes: object, names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => names.includes(name)))
}

function render({ op, name, value }: Operation, { dialect }: Request): object {
  const path = pathOf(op, name)
  const rest = op === 'remove' ? {} : { value }
  return dialect === 'v2.0' ? { [op]: path, ...rest } : { op, path, ...rest }
}

function pathOf(op: Operation['op'], name: string): string {
  const path = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return name === 'locations' && op !== 'replace' ? `${path}/0` : path
}
