import assert from 'node:assert/strict'
import { promiseWithResolver } from '../../src/blobs/body.ts'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  errorMessage,
  postImage,
  showImage,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { startKeystone, type TestKeystone } from '../support/keystone.ts'
import { addLimits, type TestLimits, usingLimits } from '../support/keystone-limits.ts'
import { eventually } from '../support/server.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const MIB = 1024 * 1024
const ALICE = asCaller('alice')

let keystone: TestKeystone
let limits: TestLimits
let site: TestSite

async function open() {
  keystone = await startKeystone()
  limits = addLimits(keystone)
  limits.registered = {
    image_size_total: 1,
    image_stage_total: 2,
    image_count_total: 10,
    image_count_uploading: 1,
  }
  site = await createTestSite(usingLimits(keystone))
}

async function close() {
  await site.close()
  await keystone.close()
}

const usageOf = async (headers = ALICE) => {
  const response = await site.request('/v2/info/usage', { headers })
  assert.equal(response.status, 200)
  return (await response.json()).usage
}

const zeros = (mebibytes: number) => new Uint8Array(mebibytes * MIB)

async function upload(bytes: Uint8Array<ArrayBuffer>, headers = ALICE): Promise<Response> {
  const { id } = await createImage(site, BARE_RAW, headers)
  return uploadData(site, id, bytes, headers)
}

/** Status and text of a refusal, as one line. */
async function refusal(response: Response): Promise<string> {
  return `${response.status} ${await errorMessage(response)}`
}

describe('the number of images', () => {
  beforeEach(open)
  afterEach(close)

  it('is limited to what is registered for all (413)', async () => {
    limits.registered['image_count_total'] = 1
    await createImage(site, {}, ALICE)
    assert.equal(
      await refusal(await postImage(site, {}, ALICE)),
      '413 Project alice is over a limit for [Resource image_count_total is over limit of 1 ' +
        'due to current usage 1 and delta 1]',
    )
    assert.equal((await postImage(site, {}, asCaller('bob'))).status, 201)
  })

  it("is limited by the project's own limit, whatever is registered (413)", async () => {
    limits.own = { alice: { image_count_total: 0 } }
    assert.equal((await postImage(site, {}, ALICE)).status, 413)
    limits.own = { alice: { image_count_total: 2 } }
    limits.registered['image_count_total'] = 0
    assert.equal((await postImage(site, {}, ALICE)).status, 201)
  })

  it('is zero where nothing is registered, and any at -1 (413)', async () => {
    limits.registered = {}
    assert.equal((await postImage(site, {}, ALICE)).status, 413)
    limits.registered = { image_count_total: -1 }
    assert.equal((await postImage(site, {}, ALICE)).status, 201)
  })

  it('does not count deleted images (201)', async () => {
    limits.registered['image_count_total'] = 1
    const { id } = await createImage(site, {}, ALICE)
    await deleteImage(site, id, ALICE)
    assert.equal((await postImage(site, {}, ALICE)).status, 201)
  })

  it('is asked for before the id is found to be taken, after the right to create (413, 403)', async () => {
    const { id } = await createImage(site, {}, ALICE)
    limits.registered['image_count_total'] = 1
    assert.equal((await postImage(site, { id }, ALICE)).status, 413)
    assert.equal((await postImage(site, { id }, asCaller('alice', 'reader'))).status, 403)
  })
})

describe('the size of all images', () => {
  beforeEach(open)
  afterEach(close)

  it('may be exceeded by one image, after which there is no more (413)', async () => {
    assert.equal((await upload(zeros(3))).status, 204)
    assert.equal(
      await refusal(await upload(bytesOf('x'))),
      '413 Project alice is over a limit for [Resource image_size_total is over limit of 1 ' +
        'due to current usage 3 and delta 0]',
    )
    assert.equal((await upload(bytesOf('x'), asCaller('bob'))).status, 204)
  })

  it('is asked for before the image is (413)', async () => {
    await upload(zeros(2))
    assert.equal((await uploadData(site, UNKNOWN_ID, bytesOf('x'), ALICE)).status, 413)
  })
})

describe('the number of running uploads', () => {
  beforeEach(open)
  afterEach(close)

  it('is limited, which leaves the image queued (413)', async () => {
    const running = await createImage(site, BARE_RAW, ALICE)
    const { promise, resolve } = promiseWithResolver<void>()
    const body = new ReadableStream({
      async pull(controller) {
        await promise
        controller.close()
      },
    })
    const first = uploadData(site, running.id, body, ALICE)
    await eventually('the upload runs', 2_000, async () =>
      (await showImage(site, running.id, ALICE)).status === 'saving' ? true : null,
    )

    const { id } = await createImage(site, BARE_RAW, ALICE)
    assert.match(
      await refusal(await uploadData(site, id, bytesOf('x'), ALICE)),
      /^413 .*image_count_uploading is over limit of 1 due to current usage 2 and delta 0\]$/,
    )
    assert.equal((await showImage(site, id, ALICE)).status, 'queued')
    resolve()
    assert.equal((await first).status, 204)
    assert.equal((await uploadData(site, id, bytesOf('x'), ALICE)).status, 204)
  })

  it('is looked at after the status and the formats (409, 400)', async () => {
    const { id } = await createImage(site, BARE_RAW, ALICE)
    const shapeless = await createImage(site, {}, ALICE)
    await uploadData(site, id, bytesOf('x'), ALICE)
    limits.registered['image_count_uploading'] = 0
    assert.equal((await uploadData(site, id, bytesOf('x'), ALICE)).status, 409)
    assert.equal((await uploadData(site, shapeless.id, bytesOf('x'), ALICE)).status, 400)
  })
})

describe('the usage of a project', () => {
  beforeEach(open)
  afterEach(close)

  it('is told with its limits, of which sizes are in MiB (200)', async () => {
    limits.own = { alice: { image_size_total: 7 } }
    assert.equal((await upload(zeros(3))).status, 204)
    await createImage(site, {}, ALICE)
    assert.deepEqual(await usageOf(), {
      image_size_total: { limit: 7, usage: 3 },
      image_stage_total: { limit: 2, usage: 0 },
      image_count_total: { limit: 10, usage: 2 },
      image_count_uploading: { limit: 1, usage: 0 },
    })
    assert.deepEqual((await usageOf(asCaller('bob'))).image_size_total, { limit: 1, usage: 0 })
  })

  it('is told without a role, and by nothing but GET and HEAD (200, 404)', async () => {
    await usageOf(asCaller('alice', ''))
    const ask = (method: string) => site.request('/v2/info/usage', { method, headers: ALICE })
    assert.equal((await ask('POST')).status, 404)
    assert.equal((await ask('HEAD')).status, 200)
    assert.equal((await ask('DELETE')).status, 404)
    assert.equal((await ask('OPTIONS')).status, 404)
  })

  it('is asked of Keystone for the whole deployment', async () => {
    await usageOf()
    assert.deepEqual(
      JSON.stringify(keystone.logins).match(/"scope":.*?\}\}/)?.[0],
      '"scope":{"system":{"all":true}}',
    )
    assert.deepEqual(keystone.requests.filter((line) => line.startsWith('GET')).toSorted(), [
      'GET /v3/endpoints/image-endpoint',
      'GET /v3/limits?service_id=image-service&region_id=RegionOne&project_id=alice',
      'GET /v3/registered_limits?service_id=image-service&region_id=RegionOne',
    ])
  })
})

describe('limits without Keystone', () => {
  beforeEach(open)
  afterEach(close)

  it('are not known, so nothing is created (503)', async () => {
    keystone.trouble = 'closed'
    const response = await postImage(site, {}, ALICE)
    assert.ok(response.headers.get('Retry-After'))
    assert.equal(
      await refusal(response),
      '503 The limits of this project are not known, since Keystone does not tell them at present',
    )
    assert.equal((await site.request('/v2/info/usage', { headers: ALICE })).status, 503)
    assert.equal((await site.request('/v2/images', { headers: ALICE })).status, 200)
  })

  it('are the last known for an hour (201, 413, 503)', async (test) => {
    limits.registered['image_count_total'] = 2
    await createImage(site, {}, ALICE)
    keystone.trouble = 'closed'
    assert.equal((await postImage(site, {}, ALICE)).status, 201)
    assert.equal((await postImage(site, {}, ALICE)).status, 413)
    assert.equal((await postImage(site, {}, asCaller('bob'))).status, 503)
    const later = performance.now() + 3600_000
    test.mock.method(performance, 'now', () => later)
    assert.equal((await postImage(site, {}, ALICE)).status, 503)
  })

  it('are not known either where Keystone does not know the endpoint (503)', async () => {
    keystone.find = () => null
    assert.equal((await postImage(site, {}, ALICE)).status, 503)
  })
})

describe('a service without limits', () => {
  let unlimited: TestSite
  before(async () => {
    unlimited = await createTestSite()
  })
  after(() => unlimited.close())

  it('tells no usage (200)', async () => {
    const response = await unlimited.request('/v2/info/usage')
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { usage: {} })
  })
})
