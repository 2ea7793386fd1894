import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sha256 } from '../../src/blobs/digest.ts'
import { parseManifest } from '../../src/blobs/manifest.ts'
import { head } from '../../src/mirror/feed/records.ts'
import { createImage, createActiveImage, uploadData, BARE_RAW } from '../support/images.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const MIB = 1 << 20
const authorized = { Authorization: 'Bearer second' }
const bytes = randomData(MIB + 1000)
const [first, last] = [sha256(bytes.subarray(0, MIB)), sha256(bytes.subarray(MIB))]

let site: TestSite
let id: string

before(async () => {
  const mirror = { tokens: 'first, second' }
  site = await createTestSite({ ...SMALL_CHUNKS, mirror })
  id = (await createImage(site, BARE_RAW)).id
  assert.equal((await uploadData(site, id, bytes)).status, 204)
})

after(() => site.close())

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return site.request(`/mirror/v1/${path}`, {
    ...init,
    headers: { ...authorized, ...init.headers },
  })
}

async function readHead(query = '') {
  const response = await ask(`head${query}`)
  return { response, head: head.parse(await response.json()) }
}

describe('whoever reads the mirror endpoints', () => {
  it('finds nothing where no mirrors are wanted [404]', async () => {
    const closed = await createTestSite()
    const response = await closed.request('/mirror/v1/head', { headers: authorized })
    assert.equal(response.status, 404)
    await closed.close()
  })

  it('needs one of the tokens [401]', async () => {
    for (const headers of [
      {},
      { Authorization: 'Bearer third' },
      { Authorization: 'Basic second' },
    ]) {
      const response = await site.request('/mirror/v1/head', { headers })
      assert.equal(response.status, 401)
      assert.match(response.headers.get('WWW-Authenticate') ?? '', /^Bearer /)
    }
  })

  it('may have the old token or the new one [200]', async () => {
    const headers = { Authorization: 'bearer first' }
    assert.equal((await site.request('/mirror/v1/head', { headers })).status, 200)
    assert.equal((await ask('head')).status, 200)
  })

  it('may not write', async () => {
    assert.ok((await ask(`chunks/${first}`, { method: 'PUT', body: 'x' })).status >= 404)
  })
})

describe('GET /mirror/v1/head', () => {
  it('tells where the feed stands, and is not to be kept', async () => {
    const found = await readHead()
    const { epoch, seq, sites, time } = found.head
    assert.equal(found.response.headers.get('ETag'), `"${epoch}.${seq}"`)
    assert.equal(found.response.headers.get('Cache-Control'), 'no-store')
    assert.deepEqual([sites.length, Math.abs(time - Date.now()) < 5_000], [1, true])
  })

  it('answers at once when the feed is elsewhere already', async () => {
    const started = Date.now()
    await readHead('?wait=20&since=0')
    assert.ok(Date.now() - started < 2_000)
  })

  it('waits for a change, and no longer', async () => {
    const { seq } = (await readHead()).head
    const waiting = readHead(`?wait=20&since=${seq}`)
    const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 250))])
    assert.equal(early, undefined)
    await createImage(site)
    const started = Date.now()
    assert.equal((await waiting).head.seq, seq + 1)
    assert.ok(Date.now() - started < 1_000)
  })

  it('waits no longer than asked', async () => {
    const { seq } = (await readHead()).head
    assert.equal((await readHead(`?wait=1&since=${seq}`)).head.seq, seq)
  })

  it('refuses what is not a number [400]', async () => {
    assert.equal((await ask('head?since=-1')).status, 400)
    assert.equal((await ask('head?wait=soon')).status, 400)
  })
})

describe('GET /mirror/v1/changes', () => {
  it('tells changes after a number', async () => {
    const { seq } = (await readHead()).head
    const image = await createImage(site, { name: 'new' })
    const response = await ask(`changes?after=${seq}`)
    const { changes } = await response.json()
    assert.deepEqual([changes.length, changes[0].image.id], [1, image.id])
    assert.equal(response.headers.get('Cache-Control'), 'no-store')
  })

  it('refuses what it does not know [410]', async () => {
    assert.equal((await ask('changes?after=100000')).status, 410)
  })
})

describe('GET /mirror/v1/snapshot', () => {
  it('is a line that says where the feed stood, and one for each image', async () => {
    const { epoch, seq } = (await readHead()).head
    const response = await ask('snapshot')
    assert.equal(response.headers.get('Content-Type'), 'application/x-ndjson')
    const [start = '', ...records] = (await response.text()).trimEnd().split('\n')
    assert.deepEqual(JSON.parse(start), { epoch, seq })
    const ids = records.map((line) => JSON.parse(line).id)
    assert.deepEqual([ids.includes(id), ids], [true, ids.toSorted()])
  })
})

describe('GET /mirror/v1/manifests/{sha256}', () => {
  it('is what its name says, for ever', async () => {
    const { changes } = await (await ask('changes?after=0')).json()
    const { blob } = changes.find(
      (change: { image: { id: string } }) => change.image.id === id,
    ).image
    const response = await ask(`manifests/${blob}`)
    const text = await response.text()
    assert.equal(sha256(text), blob)
    assert.deepEqual(parseManifest(text).chunks, [first, last])
    assertImmutable(response, blob)
  })

  it('is only what there is [404]', async () => {
    assert.equal((await ask(`manifests/${first}`)).status, 404)
    assert.equal((await ask('manifests/nonsense')).status, 404)
  })
})

describe('GET /mirror/v1/chunks/{sha256}', () => {
  it('is what its name says, for ever [200]', async () => {
    const response = await ask(`chunks/${last}`)
    assert.equal(response.headers.get('Content-Length'), '1000')
    assertImmutable(response, last)
    const body = Buffer.from(await response.arrayBuffer())
    assert.ok(body.equals(bytes.subarray(MIB)))
  })

  it('comes in parts [206]', async () => {
    const response = await ask(`chunks/${first}`, { headers: { Range: 'bytes=10-19' } })
    assert.equal(response.status, 206)
    assert.equal(response.headers.get('Content-Range'), `bytes 10-19/${MIB}`)
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(10, 20)))
  })

  it('has no part outside [416]', async () => {
    const headers = { Range: `bytes=${MIB}-` }
    assert.equal((await ask(`chunks/${first}`, { headers })).status, 416)
  })

  it('is described without its bytes [HEAD]', async () => {
    const response = await ask(`chunks/${first}`, { method: 'HEAD' })
    assert.deepEqual([response.status, await response.text()], [200, ''])
    assert.equal(response.headers.get('Content-Length'), String(MIB))
    assertImmutable(response, first)
  })

  it('is described as a whole, whatever part is asked for [HEAD]', async () => {
    const headers = { Range: 'bytes=10-19' }
    const response = await ask(`chunks/${first}`, { method: 'HEAD', headers })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Length'), String(MIB))
  })

  it('is only what an image has [404]', async () => {
    assert.equal((await ask(`chunks/${'0'.repeat(64)}`)).status, 404)
    assert.equal((await ask(`chunks/..%2F..%2Fetc`)).status, 404)
    await createActiveImage(site, 'text')
    assert.equal((await ask(`chunks/${sha256('text')}`)).status, 200)
  })
})

function assertImmutable(response: Response, digest: string): void {
  const { headers } = response
  assert.equal(response.status, 200)
  assert.equal(headers.get('Cache-Control'), 'public, max-age=31536000, immutable')
  assert.equal(headers.get('ETag'), `"${digest}"`)
  const encoded = Buffer.from(digest, 'hex').toString('base64')
  assert.equal(headers.get('Repr-Digest'), `sha-256=:${encoded}:`)
}
