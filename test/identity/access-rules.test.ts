import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { allowsRequest } from '../../src/identity/access-rules.ts'
import { tokenFor } from '../support/keystone.ts'
import { type KeystoneSite, openKeystoneSite } from '../support/keystone-site.ts'

describe('the path of an access rule', () => {
  const rows: [pattern: string, path: string, allowed: boolean][] = [
    ['/v2/images', '/v2/images', true],
    ['/v2/images', '/v2/images/', false],
    ['/v2/images', '/v2/images/1', false],
    ['/v2/images', '/prefix/v2/images', false],
    ['/v2/images/*', '/v2/images/1', true],
    ['/v2/images/*', '/v2/images/', false],
    ['/v2/images/*', '/v2/images/1/file', false],
    ['/v2/images/{image_id}/file', '/v2/images/1/file', true],
    ['/v2/images/{image_id}/file', '/v2/images/1/2/file', false],
    ['/v2/images/{image_id}/file', '/v2/images//file', false],
    ['/v2/*s/*', '/v2/images/1', true],
    ['/v2/*s/*', '/v2/image/1', false],
    ['/v2/**', '/v2/images/1/file', true],
    ['/v2/**', '/v2/', true],
    ['/v2/**', '/v2', false],
    ['**', '/v2/images', true],
    ['/v2/**/file', '/v2/images/1/file', true],
    ['/v2/**/file', '/v2/images/1/files', false],
    ['/v2/image.', '/v2/images', false],
    ['/v2/image{', '/v2/image{', true],
    ['', '/v2/images', false],
  ]

  it('stands for the paths that it describes', () => {
    for (const [path, asked, allowed] of rows) {
      const rules = [{ service: 'image', method: 'GET', path }]
      const request = { method: 'GET', path: asked }
      assert.equal(allowsRequest(rules, 'image', request), allowed, `${path} for ${asked}`)
    }
  })

  it('takes no time worth mentioning however many wildcards it has', () => {
    const rules = [{ service: 'image', method: 'GET', path: '**a'.repeat(40) }]
    const start = performance.now()
    allowsRequest(rules, 'image', { method: 'GET', path: `/${'a'.repeat(10_000)}b` })
    assert.ok(performance.now() - start < 5_000)
  })
})

describe('a token with access rules', () => {
  let site: KeystoneSite
  afterEach(() => site.close())

  async function statusesWith(rules: object[] | null, options = {}): Promise<(string | null)[]> {
    site = await openKeystoneSite(options)
    const facts = { application_credential: { id: 'ac', access_rules: rules } }
    site.keystone.known.set('t', tokenFor(facts))
    const requests = [
      ['GET', '/v2/images'],
      ['POST', '/v2/images'],
      ['GET', '/v2/images/1'],
    ] as const
    const identities = await Promise.all(
      requests.map(([method, path]) => site.identityOf({ 'X-Auth-Token': 't' }, method, path)),
    )
    return identities.map((identity) => identity && identity.userId)
  }

  const rule = (method: string, path: string, service = 'image') => ({ service, method, path })

  it('is good for what one of them allows, and invalid for the rest', async () => {
    const rules = [rule('GET', '/v2/images'), rule('POST', '/v2/other')]
    assert.deepEqual(await statusesWith(rules), ['ann', null, null])
    assert.equal(await site.statusOf('t'), 200)
    const headers = { 'X-Auth-Token': 't' }
    assert.equal((await site.request('/v2/images/1', { headers })).status, 401)
  })

  it('is good for everything where there are none, and for nothing where they are empty', async () => {
    assert.deepEqual(await statusesWith(null), ['ann', 'ann', 'ann'])
    await site.close()
    assert.deepEqual(await statusesWith([]), [null, null, null])
  })

  it('is good for the type of service that service_type says', async () => {
    assert.deepEqual(await statusesWith([rule('GET', '/**', 'compute')]), [null, null, null])
    await site.close()
    const options = { service_type: 'compute' }
    assert.deepEqual(await statusesWith([rule('GET', '/**', 'compute')], options), [
      'ann',
      null,
      'ann',
    ])
  })

  it('keeps them after a restart', async () => {
    await statusesWith([rule('GET', '/v2/images')])
    site.restart()
    assert.equal(await site.statusOf('t'), 200)
    const headers = { 'X-Auth-Token': 't' }
    assert.equal((await site.request('/v2/images/1', { headers })).status, 401)
    assert.equal(site.keystone.subjects.length, 1)
  })
})
