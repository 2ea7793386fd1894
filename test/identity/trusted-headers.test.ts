import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createIdentity } from '../../src/identity/caller.ts'
import { identifyByTrustedHeaders } from '../../src/identity/trusted-headers.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

function callerFrom(peerAddress: string | null, trusted: string[], headers = asCaller('a')) {
  return identifyByTrustedHeaders(trusted)({
    headers: new Headers(headers),
    method: 'GET',
    path: '/v2/images',
    peerAddress,
  })
}

const isTrusted = async (peer: string | null, trusted: string[]) =>
  (await callerFrom(peer, trusted)) !== null

describe('the headers of a trusted peer', () => {
  it('tell the user, the project and the roles', async () => {
    assert.deepEqual(
      await callerFrom('127.0.0.1', ['127.0.0.1'], asCaller('p', 'Member, reader')),
      createIdentity({ userId: 'user-of-p', projectId: 'p', roles: ['member', 'reader'] }),
    )
  })

  it('are those that the README names, and no others', async () => {
    const others = {
      'X-Role': 'admin',
      'X-Tenant-Id': 'q',
      'X-Tenant': 'q',
      'X-User': 'bob',
      'X-Service-Roles': 'admin',
      'X-Service-Identity-Status': 'Confirmed',
      'X-User-Domain-Id': 'default',
      'X-Project-Domain-Id': 'default',
      'X-Is-Admin-Project': 'True',
      X_Roles: 'admin',
      X_Project_Id: 'q',
    }
    const confirmed = { 'X-Identity-Status': 'Confirmed' }
    const among = { ...asCaller('p'), ...others }
    assert.deepEqual(
      await callerFrom('127.0.0.1', ['127.0.0.1'], among),
      createIdentity({ userId: 'user-of-p', projectId: 'p', roles: ['member', 'reader'] }),
    )
    assert.deepEqual(
      await callerFrom('127.0.0.1', ['127.0.0.1'], { ...confirmed, ...others }),
      createIdentity({}),
    )
  })

  it('tell nothing where they are empty', async () => {
    const headers = { ...asCaller('', ' , ,'), 'X-User-Id': ' ', 'X-Domain-Id': '' }
    assert.deepEqual(await callerFrom('127.0.0.1', ['127.0.0.1'], headers), createIdentity({}))
  })

  it('tell of a whole domain or deployment, which may do nothing', async () => {
    const headers = {
      ...asCaller('', 'admin'),
      'X-Domain-Id': 'd',
      'OpenStack-System-Scope': 'all',
    }
    const caller = await callerFrom('127.0.0.1', ['127.0.0.1'], headers)
    assert.deepEqual([caller?.domainId, caller?.systemScope], ['d', 'all'])
  })

  it('tell nobody where an id is none', async () => {
    for (const id of ['p, q', 'p,q', 'p q', 'p\tq', 'p\u00a0', 'pé']) {
      for (const name of ['X-User-Id', 'X-Project-Id', 'X-Domain-Id', 'OpenStack-System-Scope']) {
        const headers = { ...asCaller('p'), [name]: id }
        assert.equal(await callerFrom('127.0.0.1', ['127.0.0.1'], headers), null, `${name}: ${id}`)
      }
    }
  })

  it('tell nobody where one came more than once', async () => {
    for (const name of ['X-Identity-Status', 'X-Roles', 'X-User-Id', 'X-Project-Id']) {
      const identify = identifyByTrustedHeaders(['127.0.0.1'])
      const request = { method: 'GET', path: '/v2/images', peerAddress: '127.0.0.1' }
      const headers = new Headers(asCaller('p'))
      const isRepeated = (header: string) => header === name
      assert.equal(await identify({ ...request, headers, isRepeated }), null, name)
    }
  })

  it('name roles between whose letters no odd blank is lost', async () => {
    const caller = await callerFrom(
      '127.0.0.1',
      ['127.0.0.1'],
      asCaller('p', '\u00a0admin,\treader '),
    )
    assert.deepEqual(caller?.roles, ['\u00a0admin', 'reader'])
  })

  it('tell nobody unless the identity is confirmed', async () => {
    const invalid = { ...asCaller('p'), 'X-Identity-Status': 'Invalid' }
    assert.equal(await callerFrom('127.0.0.1', ['127.0.0.1'], invalid), null)
    const { 'X-Identity-Status': _, ...without } = asCaller('p')
    assert.equal(await callerFrom('127.0.0.1', ['127.0.0.1'], without), null)
  })
})

describe('the peers that are trusted', () => {
  it('are addresses', async () => {
    assert.equal(await isTrusted('10.0.0.1', ['10.0.0.1', '::1']), true)
    assert.equal(await isTrusted('::1', ['10.0.0.1', '::1']), true)
    assert.equal(await isTrusted('10.0.0.2', ['10.0.0.1', '::1']), false)
    assert.equal(await isTrusted('::2', ['10.0.0.1', '::1']), false)
  })

  it('are networks', async () => {
    assert.equal(await isTrusted('10.255.0.1', ['10.0.0.0/8']), true)
    assert.equal(await isTrusted('11.0.0.1', ['10.0.0.0/8']), false)
    assert.equal(await isTrusted('192.168.5.7', ['192.168.4.0/23']), true)
    assert.equal(await isTrusted('192.168.6.7', ['192.168.4.0/23']), false)
    assert.equal(await isTrusted('2001:db8::7', ['2001:db8::/32']), true)
    assert.equal(await isTrusted('2001:db9::7', ['2001:db8::/32']), false)
    assert.equal(await isTrusted('203.0.113.9', ['0.0.0.0/0']), true)
  })

  it('are meant also where the socket writes them as IPv6', async () => {
    assert.equal(await isTrusted('::ffff:10.0.0.1', ['10.0.0.0/8']), true)
    assert.equal(await isTrusted('::ffff:11.0.0.1', ['10.0.0.0/8']), false)
    assert.equal(await isTrusted('::ffff:127.0.0.1', ['127.0.0.1']), true)
  })

  it('are none when the runtime does not tell the peer', async () => {
    assert.equal(await isTrusted(null, ['0.0.0.0/0', '::/0']), false)
  })

  it('are none when the list is empty', async () => {
    assert.equal(await isTrusted('127.0.0.1', []), false)
  })

  it('are refused when they are none', () => {
    const refuses = (entry: string) =>
      assert.throws(() => identifyByTrustedHeaders(['127.0.0.1', entry]), {
        name: 'ConfigError',
        message:
          `[heliostat] trusted_addresses: got "${entry}", ` +
          'wanted an address or a network such as 10.0.0.0/8',
      })
    refuses('proxy.example')
    refuses('10.0.0.0/')
    refuses('10.0.0.0/33')
    refuses('10.0.0.0/8/8')
    refuses('::/129')
    refuses('10.0.0')
    refuses('10.0.0.0/x')
  })
})

describe('a site with flavor trusted', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite({
      ...TRUSTED,
      heliostat: { trusted_addresses: '10.1.0.0/16' },
    })
  })
  after(() => site.close())

  const listFrom = async (peerAddress: string, headers = {}) => {
    const response = await site.app.request('/v2/images', { headers }, { peerAddress })
    return response.status
  }

  it('believes the headers of a trusted peer (200)', async () => {
    assert.equal(await listFrom('10.1.2.3', asCaller('a')), 200)
    assert.equal(await listFrom('::ffff:10.1.2.3', asCaller('a')), 200)
  })

  it('does not believe those of any other, whatever they say (401)', async () => {
    assert.equal(await listFrom('10.2.0.1', asCaller('a', 'admin')), 401)
    assert.equal(await listFrom('127.0.0.1', asCaller('a', 'admin')), 401)
    const forwarded = { ...asCaller('a', 'admin'), 'X-Forwarded-For': '10.1.2.3' }
    assert.equal(await listFrom('10.2.0.1', forwarded), 401)
  })

  it('refuses a trusted peer that names nobody (401)', async () => {
    assert.equal(await listFrom('10.1.2.3'), 401)
  })

  it('does not believe anything where no peer is told (401)', async () => {
    const response = await site.app.request('/v2/images', { headers: asCaller('a', 'admin') })
    assert.equal(response.status, 401)
  })
})

describe('a site without an identity flavor', () => {
  it('takes everybody for an administrator without a project (200)', async () => {
    const open = await createTestSite()
    const response = await open.app.request('/v2/images', {}, { peerAddress: '203.0.113.9' })
    assert.equal(response.status, 200)
    const body = '{"visibility": "public", "owner": "anybody"}'
    const created = await open.request('/v2/images', { method: 'POST', body })
    assert.equal(created.status, 201)
    await open.close()
  })
})
