import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createActiveImage, downloadData, UNKNOWN_ID } from '../support/images.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const PAGE = 'https://horizon.example'
const EXPOSED =
  'X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID'

let site: TestSite
before(async () => {
  site = await createTestSite({ cors: { allowed_origin: `${PAGE},https://other.example` } })
})
after(() => site.close())

function corsHeaders({ headers }: Response): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith('access-control') || name === 'vary'),
  )
}

function preflight(origin: string, method: string, headers?: string): Promise<Response> {
  return site.request('/v2/images', {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': method,
      ...(headers !== undefined && { 'Access-Control-Request-Headers': headers }),
    },
  })
}

/** Preflights of pages, methods and headers that are not allowed. */
const REFUSED = [
  { origin: 'https://evil.example', method: 'GET', headers: '' },
  { origin: 'https://horizon.example.evil.example', method: 'GET', headers: '' },
  { origin: 'http://horizon.example', method: 'GET', headers: '' },
  { origin: PAGE, method: 'TRACE', headers: '' },
  { origin: PAGE, method: 'GET', headers: 'X-Auth-Token,X-Unheard-Of' },
]

describe('a preflight', () => {
  it('from an allowed origin is told what its page may do (200)', async () => {
    const response = await preflight(PAGE, 'PUT', 'X-Auth-Token, content-type')
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '')
    assert.deepEqual(corsHeaders(response), {
      vary: 'Origin',
      'access-control-allow-origin': PAGE,
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '3600',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'X-Auth-Token,content-type',
    })
  })

  for (const { origin, method, headers } of REFUSED) {
    it(`is refused for ${method} [${headers}] from ${origin} (200 without headers)`, async () => {
      const response = await preflight(origin, method, headers)
      assert.equal(response.status, 200)
      assert.deepEqual(corsHeaders(response), {})
    })
  }

  it('needs both its headers: any other OPTIONS is refused (405)', async () => {
    const headers = { Origin: PAGE }
    const response = await site.request('/v2/images', { method: 'OPTIONS', headers })
    assert.equal(response.status, 405)
  })
})

const READABLE = {
  vary: 'Origin',
  'access-control-allow-origin': PAGE,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': EXPOSED,
}

describe('an answer', () => {
  it('may be read by a page of an allowed origin (200)', async () => {
    const response = await site.request('/v2/images', { headers: { Origin: PAGE } })
    assert.equal(response.status, 200)
    assert.deepEqual(corsHeaders(response), READABLE)
  })

  it('may be read when it is an error too, which keeps its type (404)', async () => {
    const headers = { Origin: PAGE, Accept: 'application/json' }
    const response = await site.request(`/v2/images/${UNKNOWN_ID}`, { headers })
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    assert.deepEqual(corsHeaders(response), READABLE)
  })

  it('may be read when it is the bytes of an image (200)', async () => {
    const { id } = await createActiveImage(site, 'bytes')
    const response = await downloadData(site, id, { Origin: PAGE })
    assert.equal(await response.text(), 'bytes')
    assert.deepEqual(corsHeaders(response), READABLE)
  })

  it('of the version document may be read (300)', async () => {
    const response = await site.request('/', { headers: { Origin: PAGE } })
    assert.deepEqual(corsHeaders(response), READABLE)
  })

  it('is given to any other origin, but without the headers (200)', async () => {
    const headers = { Origin: 'https://evil.example' }
    const response = await site.request('/v2/images', { headers })
    assert.equal(response.status, 200)
    assert.deepEqual(corsHeaders(response), {})
  })
})

it('every origin may be allowed, but then without credentials', async () => {
  const open = await createTestSite({ cors: { allowed_origin: '*', expose_headers: '' } })
  const response = await open.request('/v2/images', { headers: { Origin: 'https://any.example' } })
  assert.deepEqual(corsHeaders(response), { 'access-control-allow-origin': '*' })
  await open.close()
})

it('without allowed origins nothing is said of them', async () => {
  const closed = await createTestSite()
  const response = await closed.request('/v2/images', { headers: { Origin: PAGE } })
  assert.deepEqual(corsHeaders(response), {})
  await closed.close()
})
