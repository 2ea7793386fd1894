import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createSwiftStore } from '../../../src/blobs/swift/store.ts'
import { randomChunk, read } from '../../support/chunks.ts'
import { startSwiftServer, type SwiftServer } from '../../support/swift-server.ts'

const QUICK = { ...PATIENCE, firstPause: 1, longestPause: 5 }

let server: SwiftServer
before(async () => {
  server = await startSwiftServer()
})
after(() => server.close())
beforeEach(() => {
  Object.assign(server, { logins: [], requests: [], lifetime: 3600, takesLogins: true })
  server.trouble = () => null
})

const open = (version: '1' | '3' = '1', changes = {}) =>
  createSwiftStore(server.options(version, changes), fetch, QUICK)

const account = (version: '1' | '3', changes: object) => ({
  account: { ...server.options(version).account, ...changes },
})

describe('login at Keystone', () => {
  const inDefault = { domain: { id: 'default' } }

  it('is with user and project, both in the domain "default"', async () => {
    await open('3').check()
    const user = { name: 'glance', password: 'secret-key', ...inDefault }
    const identity = { methods: ['password'], password: { user } }
    const scope = { project: { name: 'demo', ...inDefault } }
    assert.deepEqual(server.logins, [{ auth: { identity, scope } }])
  })

  it('names the domains that are given, by id or name', async () => {
    await open('3', account('3', { user_domain_name: 'Staff', project_domain_id: 'd1' })).check()
    const text = JSON.stringify(server.logins)
    assert.match(text, /"domain":\{"name":"Staff"\}.*"domain":\{"id":"d1"\}/)
  })

  it('is with an application credential where there is one', async () => {
    const credential = { application_credential_id: 'c1', application_credential_secret: 's1' }
    await open('3', account('3', { user: null, key: null, ...credential })).check()
    const application_credential = { id: 'c1', secret: 's1' }
    const identity = { methods: ['application_credential'], application_credential }
    assert.deepEqual(server.logins, [{ auth: { identity } }])
  })

  it('takes the endpoint of the kind and the region that are set', async () => {
    await open('3', { swift_store_endpoint_type: 'internalURL' }).check()
    await open('3', { swift_store_region: 'RegionOne' }).check()
    const elsewhere = open('3', { swift_store_region: 'RegionTwo' })
    await assert.rejects(elsewhere.check(), /at http:\/\/127\.0\.0\.1:1 fails/)
  })

  it('says what is missing in the catalog', async () => {
    const store = open('3', { swift_store_region: 'Moon', swift_store_service_type: 'swift' })
    await assert.rejects(store.check(), /has no publicURL of a service "swift" in region "Moon"/)
  })

  it('makes no use of the catalog where an endpoint is set', async () => {
    const url = `${server.url}/v1/AUTH_demo/`
    const changes = { swift_store_endpoint: url, swift_store_region: 'Moon' }
    await open('3', changes).check()
  })
})

describe('login of Swift itself', () => {
  it('is with user and key', async () => {
    await open().check()
    assert.deepEqual(server.logins, [{ user: 'demo:glance', key: 'secret-key' }])
  })

  it('may be answered without a body (204)', async () => {
    const headers = { 'X-Auth-Token': 'of-ceph', 'X-Storage-Url': `${server.url}/v1/AUTH_demo` }
    server.tokens.add('of-ceph')
    server.trouble = (request) => (request.includes('/auth/') ? { status: 204, headers } : null)
    await open().check()
    assert.deepEqual(server.logins, [])
  })

  it('that names no account is an error', async () => {
    const headers = { 'X-Auth-Token': 't', 'X-Storage-Url': 'file:///etc' }
    server.trouble = (request) => (request.includes('/auth/') ? { status: 200, headers } : null)
    await assert.rejects(open().check(), /names an account by something that is no URL/)
  })

  it('goes to an endpoint of its own where one is set', async () => {
    const store = open('1', { swift_store_endpoint: `${server.url}/v1/AUTH_demo/` })
    await store.setOwner('me')
    assert.equal(await store.owner(), 'me')
  })
})

describe('login', () => {
  it('is made once for all requests', async () => {
    const store = open()
    await Promise.all(Array.from({ length: 20 }, () => store.owner()))
    assert.equal(server.logins.length, 1)
  })

  it('is made anew before it ends', async () => {
    // All of it is within the minute before its end, of which half is left.
    server.lifetime = 0
    const store = open()
    await store.check()
    await store.check()
    assert.equal(server.logins.length, 2)
  })

  it('of a short life is used for half of it', async () => {
    server.lifetime = 50
    const store = open('3')
    await store.check()
    await store.check()
    assert.equal(server.logins.length, 1)
  })

  it('is used until it is refused where nothing is said of its end', async () => {
    server.lifetime = null
    const store = open()
    await store.check()
    await store.check()
    assert.equal(server.logins.length, 1)
  })

  it('is made anew once for all who are refused (401)', async () => {
    const store = open()
    const { digest, bytes } = randomChunk(1000)
    await store.put(digest, bytes)
    server.tokens.clear()
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async () => read(await store.get(digest))),
    )
    assert.ok(bodies.every((body) => Buffer.compare(body, bytes) === 0))
    assert.equal(server.logins.length, 2)
  })

  it('that is refused is not tried again, and tells no secret (401)', async () => {
    const store = open('1', account('1', { key: 'wrong-key' }))
    await assert.rejects(store.owner(), ({ message }: Error) => {
      assert.match(message, /Cannot log in to Swift: http:\S+ refuses the user and key \(401\)/)
      assert.doesNotMatch(message, /wrong-key/)
      return true
    })
    assert.equal(server.logins.length, 1)
  })

  it('at an address that is none is told so, and takes no chunk for absent (404)', async () => {
    for (const version of ['1', '3'] as const) {
      const store = open(version, account(version, { auth_address: `${server.url}/nowhere` }))
      server.trouble = (request) => (request.includes('nowhere') ? { status: 404 } : null)
      await assert.rejects(
        store.get('0'.repeat(64)),
        /is no login: check swift_store_auth_address \(404\)/,
      )
    }
  })

  it('is tried again where it fails in passing (503, no connection)', async () => {
    for (const version of ['1', '3'] as const) {
      const troubles = ['closed' as const, { status: 503 }]
      server.trouble = (request) => (request.includes('auth/') ? (troubles.pop() ?? null) : null)
      await open(version).check()
      assert.deepEqual(troubles, [])
    }
  })

  it('whose new token is refused as well is given up (401)', async () => {
    server.trouble = (request) => (request.includes('auth/') ? null : { status: 401 })
    await assert.rejects(open().owner(), /refuses a token that was renewed a moment ago \(401, /)
    assert.equal(server.logins.length, 2)
  })
})
