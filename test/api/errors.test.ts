import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../src/app.ts'
import {
  createActiveImage,
  createImage,
  errorMessage,
  showImage,
  UNKNOWN_ID,
} from '../support/images.ts'
import { collectLogs } from '../support/logs.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

const MISSING = `/v2/images/${UNKNOWN_ID}`
const notFound = (accept?: string) =>
  site.request(MISSING, accept === undefined ? {} : { headers: { Accept: accept } })

/** Status and Allow of an answer, as one line. */
async function refusal(method: string, path: string): Promise<string> {
  const { status, headers } = await site.request(path, { method })
  return `${status} ${headers.get('Allow')}`
}

describe('an error', () => {
  it('is text without an Accept (404)', async () => {
    const response = await notFound()
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('Content-Type'), 'text/plain; charset=UTF-8')
    const text = await response.text()
    assert.equal(text, `404 Not Found\n\nNo image found with ID ${UNKNOWN_ID}\n\n   `)
    assert.equal(response.headers.get('Content-Length'), String(text.length))
  })

  it('is text for an empty Accept and for types it does not speak (404)', async () => {
    assert.match((await notFound('')).headers.get('Content-Type') ?? '', /^text\/plain/)
    assert.match((await notFound('image/png')).headers.get('Content-Type') ?? '', /^text\/plain/)
    assert.match((await notFound('text/plain')).headers.get('Content-Type') ?? '', /^text\/plain/)
  })

  it('is a page for those who take anything (404)', async () => {
    const response = await notFound('*/*')
    assert.equal(response.headers.get('Content-Type'), 'text/html; charset=UTF-8')
    const page = await response.text()
    assert.match(page, /<title>404 Not Found<\/title>/)
    assert.match(page, /<h1>404 Not Found<\/h1>/)
    assert.match(page, new RegExp(`No image found with ID ${UNKNOWN_ID}<br /><br />`))
  })

  it('is a page when html is accepted as well as json (404)', async () => {
    const response = await notFound('application/json, */*')
    assert.match(response.headers.get('Content-Type') ?? '', /^text\/html/)
  })

  it('is flat JSON for those who prefer it (404)', async () => {
    const response = await notFound('application/json')
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    assert.deepEqual(await response.json(), {
      message: `No image found with ID ${UNKNOWN_ID}<br /><br />\n\n\n`,
      code: '404 Not Found',
      title: 'Not Found',
    })
  })

  it('is JSON for application/* (404)', async () => {
    const response = await notFound('application/*')
    assert.equal(response.headers.get('Content-Type'), 'application/json')
  })

  it('has its text escaped in the page only (404)', async () => {
    const path = '/v2/images/%3Cscript%3E'
    const page = await site.request(path, { headers: { Accept: '*/*' } })
    assert.match(await page.text(), /ID &lt;script&gt;<br/)
    const json = await site.request(path, { headers: { Accept: 'application/json' } })
    assert.equal(await errorMessage(json), 'No image found with ID <script>')
  })

  it('says nothing of what went wrong inside (500)', async () => {
    const fail = () => Promise.reject(new Error('secret of the database'))
    const access = { ...site.services.access, findFor: fail }
    const response = await createApp({ ...site.services, access }).request(MISSING)
    assert.equal(response.status, 500)
    assert.equal(
      await response.text(),
      '500 Internal Server Error\n\nThe server has either erred or is incapable of performing ' +
        'the requested operation.\n\n   ',
    )
    assert.match(response.headers.get('X-Openstack-Request-Id') ?? '', /^req-/)
  })

  it('is the same with a HEAD, without its body (404)', async () => {
    const response = await site.request('/v2/nothing', { method: 'HEAD' })
    assert.equal(response.status, 404)
    assert.equal(await response.text(), '')
  })
})

describe('a method that a path does not know', () => {
  it('is refused for the image list (405)', async () => {
    assert.equal(await refusal('PUT', '/v2/images'), '405 GET, HEAD, POST')
    assert.equal(await refusal('PATCH', '/v2/images'), '405 GET, HEAD, POST')
    assert.equal(await refusal('DELETE', '/v2/images'), '405 GET, HEAD, POST')
  })

  it('is refused for an image, before it is looked for (405)', async () => {
    assert.equal(await refusal('PUT', MISSING), '405 GET, HEAD, PATCH, DELETE')
    assert.equal(await refusal('POST', MISSING), '405 GET, HEAD, PATCH, DELETE')
  })

  it('is refused for data (405)', async () => {
    assert.equal(await refusal('POST', `${MISSING}/file`), '405 GET, HEAD, PUT')
    assert.equal(await refusal('DELETE', `${MISSING}/file`), '405 GET, HEAD, PUT')
  })

  it('is refused for actions (405)', async () => {
    assert.equal(await refusal('GET', `${MISSING}/actions/deactivate`), '405 POST')
    assert.equal(await refusal('PUT', `${MISSING}/actions/reactivate`), '405 POST')
  })

  it('is refused for tags (405)', async () => {
    assert.equal(await refusal('GET', `${MISSING}/tags/a`), '405 PUT, DELETE')
    assert.equal(await refusal('POST', `${MISSING}/tags/a`), '405 PUT, DELETE')
  })

  it('is refused for schemas (405)', async () => {
    assert.equal(await refusal('POST', '/v2/schemas/image'), '405 GET, HEAD')
    assert.equal(await refusal('DELETE', '/v2/schemas/images'), '405 GET, HEAD')
  })

  it('is refused by name (405)', async () => {
    const headers = { Accept: 'application/json' }
    const response = await site.request('/v2/images', { method: 'PUT', headers })
    assert.equal(await errorMessage(response), 'The method PUT is not allowed for this resource.')
  })

  it('is refused when it is invented, or OPTIONS (405)', async () => {
    assert.equal(await refusal('OPTIONS', '/v2/images'), '405 GET, HEAD, POST')
    assert.equal(await refusal('BREW', `${MISSING}/file`), '405 GET, HEAD, PUT')
  })
})

describe('HEAD', () => {
  /** Status and headers that do not differ from one request to the next. */
  async function answer(method: string, path: string) {
    const response = await site.request(path, { method })
    const { 'x-openstack-request-id': _, ...headers } = Object.fromEntries(response.headers)
    return { status: response.status, headers, text: await response.text() }
  }

  it('is answered as GET, without the body (200, 300, 404)', async () => {
    const { id } = await createActiveImage(site, 'some data')
    for (const [path, status] of [
      ['/', 300],
      ['/v2', 200],
      ['/readyz', 200],
      ['/v2/images', 200],
      ['/v2/images?limit=none', 400],
      [`/v2/images/${id}`, 200],
      [MISSING, 404],
      [`/v2/images/${id}/file`, 200],
      [`${MISSING}/file`, 404],
      [`/v2/images/${id}/members`, 200],
      ['/v2/schemas/image', 200],
      ['/v2/schemas/task', 200],
      ['/v2/info/usage', 200],
      ['/v2/metadefs/namespaces', 200],
      ['/v2/metadefs/namespaces/none/objects', 404],
      ['/v2/nothing', 404],
    ] as const) {
      const { text, ...told } = await answer('GET', path)
      assert.equal(told.status, status, path)
      assert.equal(told.headers['content-length'], String(text.length), path)
      assert.deepEqual(await answer('HEAD', path), { ...told, text: '' }, path)
    }
  })

  it('is refused where GET is (405)', async () => {
    assert.equal(await refusal('HEAD', `${MISSING}/actions/deactivate`), '405 POST')
    assert.equal(await refusal('HEAD', `${MISSING}/tags/a`), '405 PUT, DELETE')
    const response = await site.request(`${MISSING}/tags/a`, { method: 'HEAD' })
    assert.equal(await response.text(), '')
  })

  it('is logged with the bytes that were sent', async () => {
    const { id } = await createActiveImage(site, 'some data')
    const { lines, stop } = collectLogs()
    await answer('HEAD', `/v2/images/${id}/file`)
    await answer('GET', `/v2/images/${id}/file`)
    stop()
    const access = lines.filter((line) => line.includes('/file 200'))
    assert.match(access[0] ?? '', /HEAD .* 0 B/)
    assert.match(access[1] ?? '', /GET .* 9 B/)
  })
})

describe('an unknown path', () => {
  it('is not found by the methods that the service knows (404)', async () => {
    assert.equal(await refusal('GET', '/v2/nothing'), '404 null')
    assert.equal(await refusal('POST', '/v2/nothing'), '404 null')
    assert.equal(await refusal('PUT', '/v2/nothing'), '404 null')
    assert.equal(await refusal('PATCH', '/v2/nothing'), '404 null')
    assert.equal(await refusal('DELETE', '/v2/nothing'), '404 null')
  })

  it('has the standard sentence (404)', async () => {
    const headers = { Accept: 'application/json' }
    const response = await site.request('/v2/nothing', { headers })
    assert.equal(await errorMessage(response), 'The resource could not be found.')
  })

  it('is not implemented for OPTIONS and invented methods (501)', async () => {
    const headers = { Accept: 'application/json' }
    const options = await site.request('/v2/nothing', { method: 'OPTIONS', headers })
    assert.equal(options.status, 501)
    assert.equal(
      await errorMessage(options),
      'The request method OPTIONS is not implemented for this server.',
    )
    assert.equal(await refusal('BREW', '/v2/nothing'), '501 null')
  })

  it('is one that is only a part of a known one (404)', async () => {
    assert.equal(await refusal('GET', `${MISSING}/tags`), '404 null')
    assert.equal(await refusal('GET', `${MISSING}/actions`), '404 null')
    assert.equal(await refusal('POST', `${MISSING}/actions/explode`), '404 null')
    assert.equal(await refusal('GET', '/v2/schemas'), '404 null')
    assert.equal(await refusal('GET', '/v2/schemas/unknown'), '404 null')
    assert.equal(await refusal('GET', '/v2/stores'), '404 null')
  })

  it('is one with a trailing slash (404)', async () => {
    assert.equal(await refusal('GET', '/v2/images/'), '404 null')
    assert.equal(await refusal('GET', `${MISSING}/`), '404 null')
    assert.equal(await refusal('PUT', `${MISSING}/tags/`), '404 null')
  })
})

describe('the request id', () => {
  const idFor = async (given?: string) => {
    const headers = given === undefined ? {} : { 'X-OpenStack-Request-ID': given }
    const response = await site.request('/v2/images', { headers })
    return response.headers.get('X-Openstack-Request-Id') ?? ''
  }

  it('is made for every request', async () => {
    const id = await idFor()
    assert.match(id, /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.notEqual(await idFor(), id)
  })

  it("is the caller's own where it sends one", async () => {
    assert.equal(await idFor('req-mine'), 'req-mine')
  })

  it("gets the prefix that the caller's own lacks", async () => {
    assert.equal(await idFor('mine'), 'req-mine')
  })

  it('is on errors (404)', async () => {
    const headers = { 'X-OpenStack-Request-ID': 'req-e' }
    const missing = await site.request(MISSING, { headers })
    assert.equal(missing.headers.get('X-Openstack-Request-Id'), 'req-e')
    const unknown = await site.request('/v2/nothing', { headers })
    assert.equal(unknown.headers.get('X-Openstack-Request-Id'), 'req-e')
  })

  it('may have 64 characters (200)', async () => {
    const id = 'req-'.padEnd(64, 'x')
    assert.equal(await idFor(id), id)
  })

  it('may have any length where there is no limit (200)', async () => {
    const unlimited = await createTestSite({ DEFAULT: { max_request_id_length: '0' } })
    const id = 'req-'.padEnd(500, 'x')
    const headers = { 'X-OpenStack-Request-ID': id }
    const response = await unlimited.request('/v2/images', { headers })
    assert.equal(response.headers.get('X-Openstack-Request-Id'), id)
    await unlimited.close()
  })

  it('is refused when it is longer, and another is made (431)', async () => {
    const headers = { 'X-OpenStack-Request-ID': 'x'.repeat(65) }
    const response = await site.request('/v2/images', { headers })
    assert.equal(response.status, 431)
    assert.match(response.headers.get('X-Openstack-Request-Id') ?? '', /^req-[0-9a-f-]{36}$/)
  })
})

describe('a URL that cannot be decoded', () => {
  const url = (path: string, init?: RequestInit) => site.request(`http://localhost${path}`, init)

  it('is refused for its query (400)', async () => {
    const response = await site.request('/v2/images?name=%FF', {
      headers: { Accept: 'application/json' },
    })
    assert.equal(response.status, 400)
    assert.match(await errorMessage(response), /^Error decoding your request\. Either the URL/)
  })

  it('is refused for its path (400)', async () => {
    assert.equal((await url('/v2/images/%C3%28')).status, 400)
  })

  it('is none where a percent sign begins no escape: it means itself (200, 404, 204)', async () => {
    const { id } = await createImage(site, { name: '100%' })
    const { images } = await (await url('/v2/images?name=100%')).json()
    assert.deepEqual(
      images.map((image: { id: string }) => image.id),
      [id],
    )
    assert.equal((await url('/v2/images/%zz')).status, 404)
    assert.equal((await url(`/v2/images/${id}/tags/5%zz`, { method: 'PUT' })).status, 204)
    assert.deepEqual((await showImage(site, id)).tags, ['5%zz'])
  })

  it('does not matter outside of the API (300)', async () => {
    assert.equal((await url('/%FF')).status, 300)
  })
})

describe('a body where none is expected', () => {
  const withBody = async (method: string, path: string) => {
    const headers = { Accept: 'application/json', 'Content-Length': '2' }
    const response = await site.request(path, { method, headers })
    return `${response.status} ${await errorMessage(response)}`
  }
  const REFUSED = '400 A body is not expected with this request.'

  it('is refused before the image is looked for (400)', async () => {
    assert.equal(await withBody('GET', MISSING), REFUSED)
    assert.equal(await withBody('DELETE', MISSING), REFUSED)
  })

  it('is refused for data (400)', async () => {
    assert.equal(await withBody('GET', `${MISSING}/file`), REFUSED)
  })

  it('is refused for actions (400)', async () => {
    assert.equal(await withBody('POST', `${MISSING}/actions/deactivate`), REFUSED)
    assert.equal(await withBody('POST', `${MISSING}/actions/reactivate`), REFUSED)
  })

  it('is refused for tags (400)', async () => {
    assert.equal(await withBody('PUT', `${MISSING}/tags/a`), REFUSED)
    assert.equal(await withBody('DELETE', `${MISSING}/tags/a`), REFUSED)
  })

  it('is refused for schemas (400)', async () => {
    assert.equal(await withBody('GET', '/v2/schemas/image'), REFUSED)
    assert.equal(await withBody('GET', '/v2/schemas/images'), REFUSED)
  })

  it('is refused when it is chunked (400)', async () => {
    const headers = { 'Transfer-Encoding': 'chunked' }
    assert.equal((await site.request(MISSING, { headers })).status, 400)
  })

  it('is ignored for the image list (200)', async () => {
    const headers = { 'Content-Length': '2' }
    assert.equal((await site.request('/v2/images', { headers })).status, 200)
  })

  it('may be announced as empty (404)', async () => {
    const headers = { 'Content-Length': '0' }
    assert.equal((await site.request(MISSING, { headers })).status, 404)
  })
})

describe('a JSON body', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers = {}) =>
    site.request('/v2/images', {
      method: 'POST',
      headers: { Accept: 'application/json', ...headers },
      body,
    })
  const refusedWith = async (body: string | Uint8Array<ArrayBuffer>) => {
    const response = await post(body)
    return `${response.status} ${await errorMessage(response)}`
  }

  it('is read whatever its Content-Type (201)', async () => {
    assert.equal((await post('{}', { 'Content-Type': 'text/plain' })).status, 201)
    assert.equal((await post('{}', { 'Content-Type': 'application/xml' })).status, 201)
    assert.equal((await post('{}', { 'Content-Type': '' })).status, 201)
  })

  it('is missed (400)', async () => {
    assert.equal(await refusedWith(''), '400 Body expected in request.')
    const response = await site.request('/v2/images', { method: 'POST' })
    assert.equal(response.status, 400)
  })

  it('is refused when it is no JSON (400)', async () => {
    assert.equal(await refusedWith('{'), '400 Malformed JSON in request body.')
    assert.equal(await refusedWith('{"a": NaN}'), '400 Malformed JSON in request body.')
  })

  it('is refused when it is no UTF-8 (400)', async () => {
    const latin = Uint8Array.of(0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x22, 0x22, 0x7d)
    assert.equal(await refusedWith(latin), '400 Malformed JSON in request body.')
  })

  it('is refused when it is a scalar (400)', async () => {
    const sentence = '400 Unexpected body type. Expected list/dict.'
    assert.equal(await refusedWith('1'), sentence)
    assert.equal(await refusedWith('"text"'), sentence)
    assert.equal(await refusedWith('null'), sentence)
  })

  it('is refused when it is a list where an object is wanted (400)', async () => {
    assert.match(await refusedWith('[]'), /^400 Provided object does not match schema 'image': /)
  })

  it('counts the last of equal keys (201)', async () => {
    const response = await post('{"name": "first", "name": "last"}')
    assert.equal((await response.json()).name, 'last')
  })

  it('may be as large as 10 MiB (201)', async () => {
    const padding = ' '.repeat(10 * 1024 * 1024 - 2)
    assert.equal((await post(`{${padding}}`)).status, 201)
  })

  it('is refused when it is larger (413)', async () => {
    const padding = ' '.repeat(10 * 1024 * 1024 - 1)
    const response = await post(`{${padding}}`)
    assert.equal(response.status, 413)
    assert.equal((await response.json()).title, 'Request Entity Too Large')
  })
})

describe('the Location of what was created', () => {
  it('is on the address of the request (201)', async () => {
    const url = 'http://glance.example:9292/v2/images'
    const response = await site.request(url, { method: 'POST', body: '{}' })
    const { id } = await response.json()
    assert.equal(response.headers.get('Location'), `${url}/${id}`)
  })

  it('is on the public endpoint where one is set, with or without its last slash (201)', async () => {
    const named = await createTestSite({ DEFAULT: { public_endpoint: 'https://img.example/' } })
    const response = await named.request('/v2/images', { method: 'POST', body: '{}' })
    const { id } = await response.json()
    assert.equal(response.headers.get('Location'), `https://img.example/v2/images/${id}`)
    await named.close()
  })
})

describe('an id of more than 36 characters', () => {
  it('does not exist (404)', async () => {
    const { id } = await createImage(site)
    assert.equal((await site.request(`/v2/images/${id}0`)).status, 404)
    assert.equal((await site.request(`/v2/images/${'x'.repeat(4000)}`)).status, 404)
  })
})
