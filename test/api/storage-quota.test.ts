import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { sql } from 'drizzle-orm'
import { imageLocations } from '../../schema/tables.ts'
import { promiseWithResolver } from '../../src/blobs/body.ts'
import { storedBytes } from '../../src/images/usage.ts'
import {
  actOn,
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  errorMessage,
  patchImage,
  showImage,
  storedChunks,
  uploadData,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const ALICE = asCaller('alice')

let site: TestSite
const open = async (more = {}) => {
  site = await createTestSite({
    DEFAULT: { user_storage_quota: '10 B', ...more },
    ...TRUSTED,
  })
}
const close = () => site.close()

type Body = Parameters<typeof uploadData>[2]

interface As {
  owner?: Record<string, string>
  uploader?: Record<string, string>
  headers?: Record<string, string>
}

async function upload(body: Body, { owner = ALICE, uploader, headers }: As = {}) {
  const { id } = await createImage(site, BARE_RAW, owner)
  return { id, response: await uploadData(site, id, body, { ...(uploader ?? owner), ...headers }) }
}

async function statusOf(body: Body, as: As = {}): Promise<number> {
  return (await upload(body, as)).response.status
}

const chunked = (text: string) => new Blob([text]).stream()

async function assertUntouched(id: string): Promise<void> {
  const { status, size, checksum } = await showImage(site, id, ALICE)
  assert.deepEqual({ status, size, checksum }, { status: 'queued', size: null, checksum: null })
}

describe('the storage quota of an owner', () => {
  afterEach(close)
  beforeEach(() => open())

  it('may be used up, but not exceeded (204, 413)', async () => {
    assert.equal(await statusOf(bytesOf('sixsix')), 204)
    const { id, response } = await upload(bytesOf('fives'))
    assert.equal(response.status, 413)
    assert.equal(
      await errorMessage(response),
      'Image exceeds the storage quota: user_storage_quota is 10 bytes, 6 are used, wanted 5',
    )
    await assertUntouched(id)
    assert.equal(await statusOf(bytesOf('four')), 204)
    assert.equal(await statusOf(bytesOf('')), 204)
    assert.equal(await statusOf(bytesOf('x')), 413)
  })

  it('is looked at before a byte is taken, when the size is announced (413)', async () => {
    const headers = { 'X-OpenStack-Image-Size': '11' }
    const { id, response } = await upload(bytesOf('x'), { headers })
    assert.match(await errorMessage(response), /0 are used, wanted 11$/)
    assert.deepEqual(await storedChunks(site), [])
    await assertUntouched(id)
  })

  it('is not exceeded by a body of unknown size, which leaves nothing (413)', async () => {
    const { id, response } = await upload(chunked('eleven byte'))
    assert.equal(response.status, 413)
    assert.match(await errorMessage(response), /^Image exceeds the storage quota: .*wanted 11$/)
    assert.deepEqual(await storedChunks(site), [])
    await assertUntouched(id)
    assert.equal(await statusOf(chunked('ten bytes!')), 204)
  })

  it('does not hide that a body is longer than it was said to be (400)', async () => {
    const headers = { 'X-OpenStack-Image-Size': '3' }
    assert.equal(await statusOf(bytesOf('eleven byte'), { headers }), 400)
  })

  it('is each project its own, whoever uploads (204, 413)', async () => {
    assert.equal(await statusOf(bytesOf('ten bytes!')), 204)
    assert.equal(await statusOf(bytesOf('ten bytes!'), { owner: asCaller('bob') }), 204)
    assert.equal(await statusOf(bytesOf('x'), { uploader: ADMIN }), 413)
    assert.equal(await statusOf(bytesOf('x'), { owner: ADMIN }), 204)
  })

  it('counts deactivated images, and every location (413)', async () => {
    const { id } = await upload(bytesOf('four'))
    await actOn(site, id, 'deactivate', ALICE)
    const [location] = await site.registry.select().from(imageLocations)
    assert.ok(location)
    await site.registry.insert(imageLocations).values({ ...location, id: undefined })
    assert.equal(await statusOf(bytesOf('xxx')), 413)
    assert.equal(await statusOf(bytesOf('xx')), 204)
  })

  it('has room again when an image is deleted (204)', async () => {
    const { id } = await upload(bytesOf('ten bytes!'))
    assert.equal(await statusOf(bytesOf('x')), 413)
    await deleteImage(site, id, ALICE)
    assert.equal(await statusOf(bytesOf('ten bytes!')), 204)
  })

  it('is looked at after the status and the formats (409, 400)', async () => {
    const { id } = await upload(bytesOf('ten bytes!'))
    assert.equal((await uploadData(site, id, bytesOf('x'), ALICE)).status, 409)
    const shapeless = await createImage(site, {}, ALICE)
    assert.equal((await uploadData(site, shapeless.id, bytesOf('x'), ALICE)).status, 400)
  })
})

describe('uploads at the same time', () => {
  afterEach(close)
  beforeEach(() => open())

  /** A body that ends when all are open, so that none has ended when the others begin. */
  function bodies(count: number, bytes: () => Uint8Array) {
    let waiting = 0
    return Array.from({ length: count }, () => {
      let turn = 0
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          if (turn++ === 0) return controller.enqueue(bytes())
          waiting++
          await eventually('all are open', 5_000, () => (waiting >= count ? true : null))
          controller.close()
        },
      })
    })
  }

  it('do not exceed the quota together, each of which alone would not (204, 413)', async () => {
    let fill = 0
    const uploads = await Promise.all(
      bodies(5, () => new Uint8Array(4).fill(++fill)).map((body) => upload(body)),
    )
    const statuses = uploads.map(({ response }) => response.status).toSorted()
    assert.deepEqual(statuses, [204, 204, 413, 413, 413])
    const refused = uploads.filter(({ response }) => response.status === 413)
    for (const { id } of refused) await assertUntouched(id)
    assert.match(
      await errorMessage(refused[0]?.response ?? new Response()),
      /user_storage_quota is 10 bytes, 8 are used, wanted 4$/,
    )
    assert.equal((await storedChunks(site)).length, 2)
  })

  it('are held to the quota of him who owns the image by then (413)', async () => {
    await upload(bytesOf('eight by'), { owner: asCaller('bob') })
    const patched = promiseWithResolver<Response>()
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(bytesOf('four'))
        await patched.promise
        controller.close()
      },
    })
    const { id } = await createImage(site, BARE_RAW, ALICE)
    const uploading = uploadData(site, id, body, ALICE)
    await eventually('the upload runs', 2_000, async () =>
      (await showImage(site, id, ALICE)).status === 'saving' ? true : null,
    )
    const changeOwner = { op: 'replace', path: '/owner', value: 'bob' }
    patched.resolve(await patchImage(site, id, [changeOwner], ADMIN))
    const response = await uploading
    assert.match(await errorMessage(response), /8 are used, wanted 4$/)
  })
})

describe('images that wait for their deletion', () => {
  afterEach(close)
  beforeEach(() => open({ delayed_delete: 'true' }))

  it('count until they are deleted for good (413, 204)', async () => {
    const { id } = await upload(bytesOf('ten bytes!'))
    await deleteImage(site, id, ALICE)
    assert.equal(await statusOf(bytesOf('x')), 413)
    await site.services.images.deletePending(Date.now())
    assert.equal(await statusOf(bytesOf('ten bytes!')), 204)
  })
})

describe('the sum of what an owner has', () => {
  afterEach(close)
  beforeEach(() => open())

  it('is read from an index', async () => {
    const plan = await site.registry.values<[number, number, number, string]>(
      sql`EXPLAIN QUERY PLAN SELECT ${storedBytes(sql`${'alice'}`)}`,
    )
    const steps = plan.map(([, , , step]) => step).join('\n')
    assert.match(steps, /SEARCH i USING (COVERING )?INDEX images_by_usage \(owner=\?\)/)
    assert.doesNotMatch(steps, /SCAN (i|l)\b/)
  })
})
