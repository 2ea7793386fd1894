import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { rememberedTokens } from '../../schema/tables.ts'
import { rolesNamed, startKeystone, type TestKeystone, tokenFor } from '../support/keystone.ts'
import { type KeystoneSite, openKeystoneSite } from '../support/keystone-site.ts'

let site: KeystoneSite
let keystone: TestKeystone

async function open(options = {}): Promise<void> {
  site = await openKeystoneSite({ token_cache_time: '100', ...options })
  keystone = site.keystone
}

/** The user and project that the service logs in as. */
async function loginWith(options: Record<string, string>): Promise<unknown> {
  await open(options)
  keystone.known.set('t', tokenFor())
  assert.equal(await site.statusOf('t'), 200)
  return keystone.logins[0]
}

describe("the service's own login", () => {
  afterEach(() => site.close())

  const passwordLogin = (userDomain: object, projectDomain: object) => {
    const user = { name: 'glance', password: 'pass-word', domain: userDomain }
    const project = { name: 'service', domain: projectDomain }
    const identity = { methods: ['password'], password: { user } }
    return { auth: { identity, scope: { project } } }
  }

  it('is in the domain "default" unless another is named', async () => {
    const login = passwordLogin({ id: 'default' }, { id: 'default' })
    assert.deepEqual(await loginWith({}), login)
  })

  it('is in domains by their ids or names', async () => {
    const options = { user_domain_name: 'Users', project_domain_id: 'p1' }
    assert.deepEqual(await loginWith(options), passwordLogin({ name: 'Users' }, { id: 'p1' }))
  })

  it('may be by an application credential', async () => {
    const options = { application_credential_id: 'ac', application_credential_secret: 's3' }
    const credential = { id: 'ac', secret: 's3' }
    assert.deepEqual(await loginWith(options), {
      auth: {
        identity: { methods: ['application_credential'], application_credential: credential },
      },
    })
  })

  it('is by a password where that is said, whatever else is given', async () => {
    const options = { auth_type: 'password', application_credential_id: 'ac' }
    const login = passwordLogin({ id: 'default' }, { id: 'default' })
    assert.deepEqual(await loginWith(options), login)
  })

  it('is at an address with or without the version (401)', async () => {
    for (const rest of ['', '/', '/v3', '/v3/']) {
      const elsewhere = await startKeystone()
      await open({ auth_url: `${elsewhere.url}${rest}` })
      assert.equal(await site.statusOf('forged'), 401, rest)
      await elsewhere.close()
      await site.close()
    }
    await open()
  })

  it('is one for all who come at once (200)', async () => {
    await open()
    const tokens = Array.from({ length: 20 }, (_, index) => `token-${index}`)
    for (const token of tokens) keystone.known.set(token, tokenFor())
    const statuses = await Promise.all(tokens.map((token) => site.statusOf(token)))
    assert.deepEqual([...new Set(statuses)], [200])
    assert.deepEqual([keystone.logins.length, keystone.subjects.length], [1, 20])
  })

  it('is renewed before it expires (401)', async () => {
    await open()
    keystone.lifetime = 100
    assert.equal(await site.statusOf('forged'), 401)
    site.pass(69)
    assert.equal(await site.statusOf('forged'), 401)
    assert.equal(keystone.logins.length, 1)
    site.pass(11)
    assert.equal(await site.statusOf('forged'), 401)
    assert.equal(keystone.logins.length, 2)
  })

  it('is renewed when Keystone takes its token no longer (401)', async () => {
    await open()
    assert.equal(await site.statusOf('forged'), 401)
    keystone.known.clear()
    keystone.known.set('t', tokenFor())
    assert.equal(await site.statusOf('t'), 200)
    assert.equal(keystone.logins.length, 2)
  })

  it('is not tried again and again when it is refused (503)', async () => {
    await open()
    keystone.takesLogins = false
    assert.equal(await site.statusOf('t'), 503)
    assert.equal(await site.statusOf('t'), 503)
    assert.equal(keystone.logins.length, 1)
    site.pass(2)
    assert.equal(await site.statusOf('t'), 503)
    assert.equal(keystone.logins.length, 2)
  })
})

describe('a request that a service passes on', () => {
  afterEach(() => site.close())

  const beside = (serviceToken: string) => ({ 'X-Service-Token': serviceToken })
  const openWithTokens = async (options = {}) => {
    await open(options)
    keystone.known.set('nova', tokenFor({ roles: rolesNamed('Service', 'admin') }))
    keystone.known.set('other', tokenFor({ roles: rolesNamed('auditor') }))
    keystone.known.set('user', tokenFor())
    keystone.known.set('old', tokenFor({}, -60))
  }
  beforeEach(() => openWithTokens())

  it("has the service's roles beside the user's own", async () => {
    const identity = await site.identityOf({ 'X-Auth-Token': 'user', ...beside('nova') })
    assert.deepEqual(identity?.roles, ['member', 'reader'])
    assert.deepEqual(identity?.serviceRoles, ['service', 'admin'])
  })

  it('may have a token of the user that has expired meanwhile (200)', async () => {
    assert.equal(await site.statusOf('old'), 401)
    assert.equal(await site.statusOf('old', beside('nova')), 200)
    assert.equal(await site.statusOf('forged', beside('nova')), 401)
  })

  it('may not when the service has no role for it, or no valid token (401)', async () => {
    assert.equal(await site.statusOf('old', beside('other')), 401)
    assert.equal(await site.statusOf('old', beside('forged')), 401)
    assert.equal(await site.statusOf('old', beside('old')), 401)
    assert.equal(await site.statusOf('user', beside('forged')), 200)
  })

  it('needs the user all the same (401)', async () => {
    assert.equal((await site.request('/v2/images', { headers: beside('nova') })).status, 401)
  })

  it('does not make the expired token good for anybody else (401)', async () => {
    assert.equal(await site.statusOf('old', beside('nova')), 200)
    assert.equal(await site.statusOf('old'), 401)
    assert.equal(await site.statusOf('old', beside('other')), 401)
  })

  it('has an expired token asked about again after token_cache_time (401)', async () => {
    assert.equal(await site.statusOf('old', beside('nova')), 200)
    const { length } = keystone.subjects
    site.pass(99)
    assert.equal(await site.statusOf('old', beside('nova')), 200)
    assert.equal(keystone.subjects.length, length)
    keystone.known.delete('old')
    site.pass(1)
    assert.equal(await site.statusOf('old', beside('nova')), 401)
  })

  it('has an expired token neither written down nor taken while Keystone is away (503)', async () => {
    assert.equal(await site.statusOf('old', beside('nova')), 200)
    assert.equal((await site.registry.select().from(rememberedTokens)).length, 1)
    keystone.trouble = 'closed'
    site.pass(100)
    assert.equal(await site.statusOf('user', beside('nova')), 503)
    assert.equal(await site.statusOf('old', beside('nova')), 503)
  })

  it('may be from any service with service_token_roles_required = false (200)', async () => {
    await site.close()
    await openWithTokens({ service_token_roles_required: 'false' })
    assert.equal(await site.statusOf('old', beside('other')), 200)
    assert.equal(await site.statusOf('old', beside('forged')), 401)
    assert.equal(await site.statusOf('old'), 401)
  })

  it('may be from services with other roles, as service_token_roles says (200)', async () => {
    await site.close()
    await openWithTokens({ service_token_roles: 'Auditor,x' })
    assert.equal(await site.statusOf('old', beside('other')), 200)
    assert.equal(await site.statusOf('old', beside('nova')), 401)
  })
})
