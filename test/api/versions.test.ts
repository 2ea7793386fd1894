import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TRUSTED } from '../support/options.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

async function idsOf(response: Response): Promise<string[]> {
  const { versions } = await response.json()
  return versions.map(({ id }: { id: string }) => id)
}

/** Whether the answer is an image list, so that a test sees which route was taken. */
async function isImageList(response: Response): Promise<boolean> {
  return response.status === 200 && 'images' in (await response.json())
}

const url = (path: string) => `http://glance.example:9292${path}`

describe('the versions document', () => {
  it('is the answer at the root, as a choice (300)', async () => {
    const response = await site.request('/')
    assert.equal(response.status, 300)
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    assert.equal((await idsOf(response)).length, 11)
  })

  it('is the answer at the root to any method (300)', async () => {
    const response = await site.request('/', { method: 'POST', body: 'x' })
    assert.equal(response.status, 300)
  })

  it('is listed at /versions (200)', async () => {
    const response = await site.request('/versions')
    assert.equal(response.status, 200)
    assert.deepEqual(await idsOf(response), [
      'v2.17',
      'v2.15',
      'v2.9',
      'v2.7',
      'v2.6',
      'v2.5',
      'v2.4',
      'v2.3',
      'v2.2',
      'v2.1',
      'v2.0',
    ])
  })

  it('is listed below /versions too (200)', async () => {
    assert.equal((await site.request('/versions/')).status, 200)
    assert.equal((await site.request('/versions/x')).status, 200)
    assert.equal((await site.request('/versions', { method: 'DELETE' })).status, 200)
  })

  it('marks the first as current and all others as supported', async () => {
    const { versions } = await (await site.request('/versions')).json()
    const [first, ...others] = versions.map(({ status }: { status: string }) => status)
    assert.equal(first, 'CURRENT')
    assert.deepEqual([...new Set(others)], ['SUPPORTED'])
  })

  it('links every version to /v2/ on the address of the request', async () => {
    const { versions } = await (await site.request(url('/versions'))).json()
    assert.deepEqual(versions[0], {
      id: 'v2.17',
      status: 'CURRENT',
      links: [{ rel: 'self', href: 'http://glance.example:9292/v2/' }],
    })
    assert.equal(versions.at(-1).links[0].href, 'http://glance.example:9292/v2/')
  })

  it('links to the public endpoint where one is set', async () => {
    const named = await createTestSite({ DEFAULT: { public_endpoint: 'https://img.example/' } })
    const { versions } = await (await named.request('/')).json()
    assert.equal(versions[0].links[0].href, 'https://img.example/v2/')
    await named.close()
  })

  it('answers an unknown first segment (300)', async () => {
    assert.equal((await site.request('/v1/images')).status, 300)
    assert.equal((await site.request('/v3')).status, 300)
    assert.equal((await site.request('/images')).status, 300)
    assert.equal((await site.request('/va.1')).status, 300)
    assert.equal((await site.request('/v10')).status, 300)
  })

  it('answers a version that is not accepted, and one in upper case (300)', async () => {
    assert.equal((await site.request('/v2.19/images')).status, 300)
    assert.equal((await site.request('/v2.18/images')).status, 300)
    assert.equal((await site.request('/v2.8/images')).status, 300)
    assert.equal((await site.request('/V2/images')).status, 300)
  })

  it('answers /v2 and /v2/ instead of a redirect into nowhere (200)', async () => {
    assert.equal((await site.request('/v2')).status, 200)
    assert.equal((await site.request('/v2/')).status, 200)
  })

  it('has no body for HEAD (300)', async () => {
    const response = await site.request('/', { method: 'HEAD' })
    assert.equal(response.status, 300)
    assert.equal(await response.text(), '')
  })

  it('asks nobody who they are, and has no request id (300)', async () => {
    const closed = await createTestSite(TRUSTED)
    const response = await closed.request('/', { headers: { 'X-OpenStack-Request-ID': 'mine' } })
    assert.equal(response.status, 300)
    assert.equal(response.headers.get('X-Openstack-Request-Id'), null)
    assert.equal((await closed.request('/v1/images')).status, 300)
    assert.equal((await closed.request('/v2/images')).status, 401)
    await closed.close()
  })
})

describe('a version in the path', () => {
  it('is taken for v2 when it is accepted (200)', async () => {
    assert.ok(await isImageList(await site.request('/v2/images')))
    assert.ok(await isImageList(await site.request('/v2.0/images')))
    assert.ok(await isImageList(await site.request('/v2.9/images')))
    assert.ok(await isImageList(await site.request('/v2.17/images')))
  })

  it('is not repeated in links (200)', async () => {
    const list = await (await site.request('/v2.7/images?limit=1')).json()
    assert.equal(list.first, '/v2/images?limit=1')
    assert.equal(list.schema, '/v2/schemas/images')
  })
})

describe('a version in the Accept header', () => {
  it('stands for the one missing in the path (200)', async () => {
    const headers = { Accept: 'application/vnd.openstack.images-v2' }
    assert.ok(await isImageList(await site.request('/images', { headers })))
  })

  it('may be a minor one that is accepted (200)', async () => {
    const headers = { Accept: 'application/vnd.openstack.images-v2.15' }
    assert.ok(await isImageList(await site.request('/images', { headers })))
  })

  it('is refused like an unknown path when it is not accepted (300)', async () => {
    const headers = { Accept: 'application/vnd.openstack.images-v2.19' }
    assert.equal((await site.request('/images', { headers })).status, 300)
  })

  it('yields to the one in the path (200)', async () => {
    const headers = { Accept: 'application/vnd.openstack.images-v2.19' }
    assert.ok(await isImageList(await site.request('/v2/images', { headers })))
  })
})

describe('slashes', () => {
  it('are collapsed before the version is looked for (200)', async () => {
    assert.ok(await isImageList(await site.request(url('//v2/images'))))
    assert.ok(await isImageList(await site.request(url('/v2//images'))))
    assert.ok(await isImageList(await site.request(url('///v2///images'))))
  })

  it('are not tolerated at the end (404)', async () => {
    assert.equal((await site.request(url('/v2/images/'))).status, 404)
    assert.equal((await site.request(url('/v2/schemas/image/'))).status, 404)
  })

  it('split a segment also when they are encoded (404)', async () => {
    assert.equal((await site.request(url('/v2/images/a%2Fb'))).status, 404)
    const tag = await site.request(url('/v2/images/a/tags/b%2fc'), { method: 'PUT' })
    assert.equal(tag.status, 404)
  })

  it('divide the path when they are encoded (200)', async () => {
    assert.ok(await isImageList(await site.request(url('/v2%2Fimages'))))
  })
})

describe('escapes of plain characters', () => {
  it('are the characters themselves (200)', async () => {
    assert.ok(await isImageList(await site.request(url('/%76%32/%69mages'))))
    assert.ok(await isImageList(await site.request(url('/v2%2E0/images'))))
    assert.equal((await site.request(url('/v2/sc%68emas/image'))).status, 200)
  })

  it('are resolved once only (404)', async () => {
    assert.equal((await site.request(url('/v2/%2569mages'))).status, 404)
  })
})

describe('a version alone', () => {
  it('lists the versions, whichever it is (200)', async () => {
    for (const path of ['/v2', '/v2/', '/v2.0', '/v2.0/', '/v2.9']) {
      const response = await site.request(url(path))
      assert.equal(response.status, 200)
      assert.equal((await response.json()).versions.at(-1).id, 'v2.0')
    }
  })
})
