import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { RawConfig } from '../../src/config.ts'
import { postImage } from '../support/images.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const sites: TestSite[] = []
after(() => Promise.all(sites.map((site) => site.close())))

async function openSite(raw: RawConfig): Promise<TestSite> {
  const site = await createTestSite(raw)
  sites.push(site)
  return site
}

/** The URL that the links of this site begin with, for a client that asked http://glance.example:9292. */
async function rootFor(site: TestSite, headers: Record<string, string> = {}): Promise<string> {
  const response = await site.request('http://glance.example:9292/versions', { headers })
  const { versions } = await response.json()
  return String(versions[0].links[0].href).replace(/\/v2\/$/, '')
}

const FROM_PROXY = {
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'images.example',
  'X-Forwarded-Prefix': '/image/',
}

const FORWARDED = {
  ...FROM_PROXY,
  Forwarded: 'for=1.2.3.4;proto=https;host="[2001:db8::1]:9292", for=5.6.7.8',
}
const SEVERAL_HOPS = {
  'X-Forwarded-Proto': 'https, http',
  'X-Forwarded-Host': 'a.example:8443, b.example',
}
const NO_PART_OF_A_URL = {
  'X-Forwarded-Proto': 'javascript',
  'X-Forwarded-Host': 'evil.example/path?',
  'X-Forwarded-Prefix': '//evil.example',
}

interface Root {
  from: string
  headers: Record<string, string>
  root: string
}

const IPV6 = 'https://[2001:db8::1]:9292/image'
const OWN = 'http://glance.example:9292'
const ROOTS: Root[] = [
  { from: 'what X-Forwarded-* say', headers: FROM_PROXY, root: 'https://images.example/image' },
  { from: 'the first of several hops', headers: SEVERAL_HOPS, root: 'https://a.example:8443' },
  { from: 'what Forwarded says, before the older headers', headers: FORWARDED, root: IPV6 },
  { from: 'the own address where nothing is said', headers: {}, root: OWN },
  { from: 'nothing that could not be a part of a URL', headers: NO_PART_OF_A_URL, root: OWN },
]

describe('behind a proxy whose headers are enabled, links begin with', () => {
  let site: TestSite
  before(async () => {
    site = await openSite({ oslo_middleware: { enable_proxy_headers_parsing: 'true' } })
  })

  for (const { from, headers, root } of ROOTS) {
    it(from, async () => assert.equal(await rootFor(site, headers), root))
  }

  it('the same in the Location of a new image', async () => {
    const response = await postImage(site, {}, FROM_PROXY)
    const { id } = await response.json()
    assert.equal(response.headers.get('Location'), `https://images.example/image/v2/images/${id}`)
  })
})

it("a proxy's headers mean nothing unless they are enabled", async () => {
  const headers = { ...FROM_PROXY, Forwarded: 'proto=https;host=evil.example' }
  assert.equal(await rootFor(await openSite({}), headers), 'http://glance.example:9292')
})

it('public_endpoint comes before whatever a request says', async () => {
  const site = await openSite({
    DEFAULT: { public_endpoint: 'https://cloud.example/image/' },
    oslo_middleware: { enable_proxy_headers_parsing: 'true' },
  })
  assert.equal(await rootFor(site, FROM_PROXY), 'https://cloud.example/image')
})

it('secure_proxy_ssl_header names the header that has the scheme', async () => {
  const site = await openSite({ DEFAULT: { secure_proxy_ssl_header: 'HTTP_X_SSL_SCHEME' } })
  assert.equal(await rootFor(site, { 'X-SSL-Scheme': 'https' }), 'https://glance.example:9292')
  assert.equal(await rootFor(site), 'http://glance.example:9292')
})
