import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { rememberedTokens } from '../../schema/tables.ts'
import { createIdentity } from '../../src/identity/caller.ts'
import { createImage, postImage } from '../support/images.ts'
import { rolesNamed, type TestKeystone, tokenFor } from '../support/keystone.ts'
import { type KeystoneSite, openKeystoneSite } from '../support/keystone-site.ts'

let site: KeystoneSite
let keystone: TestKeystone

async function open(options = {}, more = {}): Promise<void> {
  site = await openKeystoneSite(options, more)
  keystone = site.keystone
}

describe('a caller with a token of Keystone', () => {
  afterEach(() => site.close())
  beforeEach(() => open())

  it('is known by its user, project, domains and roles', async () => {
    keystone.known.set('t', tokenFor())
    assert.deepEqual(
      await site.identityOf({ 'X-Auth-Token': 't' }),
      createIdentity({
        userId: 'ann',
        projectId: 'demo',
        userDomainId: 'people',
        projectDomainId: 'work',
        roles: ['member', 'reader'],
      }),
    )
  })

  it('may send it as X-Storage-Token (200)', async () => {
    keystone.known.set('t', tokenFor())
    const headers = { 'X-Storage-Token': 't' }
    assert.equal((await site.request('/v2/images', { headers })).status, 200)
  })

  it('may do what his roles allow, for his project (201)', async () => {
    keystone.known.set('member', tokenFor())
    keystone.known.set('reader', tokenFor({ roles: rolesNamed('reader') }))
    const image = await createImage(site, {}, { 'X-Auth-Token': 'member' })
    assert.equal(image['owner'], 'demo')
    assert.equal((await postImage(site, {}, { 'X-Auth-Token': 'reader' })).status, 403)
  })

  it('may have one of a whole domain or deployment, which images know nothing of (403)', async () => {
    const admin = { project: undefined, roles: rolesNamed('admin', 'reader') }
    keystone.known.set('domain', tokenFor({ ...admin, domain: { id: 'work' } }))
    keystone.known.set('system', tokenFor({ ...admin, system: { all: true } }))
    assert.equal((await site.identityOf({ 'X-Auth-Token': 'domain' }))?.domainId, 'work')
    assert.equal((await site.identityOf({ 'X-Auth-Token': 'system' }))?.systemScope, 'all')
    assert.equal(await site.statusOf('domain'), 403)
    assert.equal(await site.statusOf('system'), 403)
  })

  it('may have one without a scope, thus without roles (403)', async () => {
    keystone.known.set('t', tokenFor({ project: undefined, roles: undefined }))
    const expected = createIdentity({ userId: 'ann', userDomainId: 'people' })
    assert.deepEqual(await site.identityOf({ 'X-Auth-Token': 't' }), expected)
    assert.equal(await site.statusOf('t'), 403)
  })

  it('is not known by the headers of identity that he sends (401)', async () => {
    const headers = { 'X-Identity-Status': 'Confirmed', 'X-Roles': 'admin', 'X-User-Id': 'ann' }
    assert.equal((await site.request('/v2/images', { headers })).status, 401)
  })
})

describe('a token that is none', () => {
  afterEach(() => site.close())
  beforeEach(() => open({ token_cache_time: '100' }))

  it('is refused with the address of Keystone (401)', async () => {
    keystone.known.set('valid-token', tokenFor())
    keystone.known.set('expired', tokenFor({}, -1))
    for (const token of ['forged', 'valid-toke', 'valid-token-', 'expired', '']) {
      const response = await site.list(token)
      assert.equal(response.status, 401, token)
      assert.equal(response.headers.get('WWW-Authenticate'), `Keystone uri="${keystone.url}"`)
    }
    assert.equal((await site.request('/v2/images')).status, 401)
  })

  it('is one that has expired since, which takes no question (401)', async () => {
    keystone.known.set('t', tokenFor({}, 60))
    assert.equal(await site.statusOf('t'), 200)
    site.pass(59)
    assert.equal(await site.statusOf('t'), 200)
    site.pass(1)
    assert.equal(await site.statusOf('t'), 401)
    site.restart()
    assert.equal(await site.statusOf('t'), 401)
    assert.deepEqual(keystone.subjects, ['t'])
  })

  it('is not shown to Keystone when it is too long, or not of visible ASCII (401)', async () => {
    for (const token of ['x'.repeat(3073), 'two tokens', 'a, b', 'caf\u00e9', 'tab\there']) {
      assert.equal(await site.statusOf(token), 401, token)
    }
    assert.deepEqual(keystone.requests, [])
  })

  it('costs one question in ten seconds (401)', async () => {
    for (let i = 0; i < 20; i++) assert.equal(await site.statusOf('forged'), 401)
    assert.equal(keystone.subjects.length, 1)
    site.pass(10)
    assert.equal(await site.statusOf('forged'), 401)
    assert.equal(keystone.subjects.length, 2)
  })
})

describe('the address that is told with a refusal', () => {
  afterEach(() => site.close())

  it('is www_authenticate_uri (401)', async () => {
    await open({ www_authenticate_uri: 'https://login.example/' })
    const { headers } = await site.request('/v2/images')
    assert.equal(headers.get('WWW-Authenticate'), 'Keystone uri="https://login.example/"')
  })
})

describe('where anonymous access is allowed', () => {
  afterEach(() => site.close())
  beforeEach(() => open({}, { DEFAULT: { allow_anonymous_access: 'true' } }))

  it('those without a token or with a bad one may read (403)', async () => {
    assert.equal((await site.request('/v2/images')).status, 200)
    assert.equal(await site.statusOf('forged'), 200)
    assert.equal((await postImage(site, {}, { 'X-Auth-Token': 'forged' })).status, 403)
  })
})

describe('a token that Keystone has vouched for', () => {
  afterEach(() => site.close())
  beforeEach(() => open({ token_cache_time: '100' }))

  it('is taken for token_cache_time; then a revocation is seen (401)', async () => {
    keystone.known.set('t', tokenFor())
    assert.equal(await site.statusOf('t'), 200)
    keystone.known.delete('t')
    site.pass(99)
    assert.equal(await site.statusOf('t'), 200)
    assert.deepEqual(keystone.subjects, ['t'])
    site.pass(1)
    assert.equal(await site.statusOf('t'), 401)
    assert.deepEqual(keystone.subjects, ['t', 't'])
  })

  it('costs one question however many send it at once (200)', async () => {
    keystone.known.set('t', tokenFor())
    const statuses = await Promise.all(Array.from({ length: 20 }, () => site.statusOf('t')))
    assert.deepEqual([...new Set(statuses)], [200])
    assert.deepEqual([keystone.logins.length, keystone.subjects.length], [1, 1])
  })

  it('is known after a restart, as it was (200)', async () => {
    keystone.known.set('t', tokenFor())
    const identity = await site.identityOf({ 'X-Auth-Token': 't' })
    site.restart()
    assert.deepEqual(await site.identityOf({ 'X-Auth-Token': 't' }), identity)
    assert.deepEqual(keystone.subjects, ['t'])
  })

  it('is not written down itself, and forgotten when it has expired', async () => {
    keystone.known.set('secret-token', tokenFor({}, 60))
    assert.equal(await site.statusOf('secret-token'), 200)
    const written = () => site.registry.select().from(rememberedTokens)
    assert.doesNotMatch(JSON.stringify(await written()), /secret-token/)
    site.pass(59)
    await site.rememberedTokens.deleteExpired()
    assert.equal((await written()).length, 1)
    site.pass(1)
    await site.rememberedTokens.deleteExpired()
    assert.equal((await written()).length, 0)
  })

  it('is asked about when what was written down cannot be read (200)', async () => {
    keystone.known.set('t', tokenFor())
    assert.equal(await site.statusOf('t'), 200)
    await site.registry.update(rememberedTokens).set({ identity: { of: 'another version' } })
    site.restart()
    assert.equal(await site.statusOf('t'), 200)
    assert.deepEqual(keystone.subjects, ['t', 't'])
  })
})

describe('token_cache_time = -1', () => {
  afterEach(() => site.close())

  it('has Keystone asked each time (401)', async () => {
    await open({ token_cache_time: '-1' })
    keystone.known.set('t', tokenFor())
    assert.equal(await site.statusOf('t'), 200)
    assert.equal(await site.statusOf('t'), 200)
    keystone.known.delete('t')
    assert.equal(await site.statusOf('t'), 401)
    assert.deepEqual(keystone.subjects, ['t', 't', 't'])
  })
})
