import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createIdentity } from '../../src/identity/caller.ts'
import { identifyByTokens, makeToken } from '../../src/identity/static-tokens.ts'
import { createImage } from '../support/images.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex')
const line = (token: string, rest: string) => `${sha256(token)}:${rest}`

function callerOf(tokens: string, headers: Record<string, string>) {
  return identifyByTokens(tokens)({
    headers: new Headers(headers),
    method: 'GET',
    path: '/v2/images',
    peerAddress: null,
  })
}

describe('a list of tokens', () => {
  const tokens = [
    '# the cloud',
    '',
    line('alpha', 'ann:project-a:member,reader'),
    `  ${line('beta', 'bob::Admin')}  ${line('gamma', 'cy:project-c:reader')}`,
  ].join('\n')

  it('tells the user, his project and his roles by a token', async () => {
    assert.deepEqual(
      await callerOf(tokens, { 'X-Auth-Token': 'alpha' }),
      createIdentity({ userId: 'ann', projectId: 'project-a', roles: ['member', 'reader'] }),
    )
  })

  it('may leave the project out, and has roles in any case', async () => {
    assert.deepEqual(
      await callerOf(tokens, { 'X-Auth-Token': 'beta' }),
      createIdentity({ userId: 'bob', roles: ['admin'] }),
    )
  })

  it('may have several entries on a line', async () => {
    assert.equal((await callerOf(tokens, { 'X-Auth-Token': 'gamma' }))?.userId, 'cy')
  })

  it('is looked through for X-Storage-Token as well', async () => {
    assert.equal((await callerOf(tokens, { 'X-Storage-Token': 'alpha' }))?.userId, 'ann')
  })

  it('knows nobody by a wrong token, by an empty one and by none', async () => {
    assert.equal(await callerOf(tokens, { 'X-Auth-Token': 'delta' }), null)
    assert.equal(await callerOf(tokens, { 'X-Auth-Token': '' }), null)
    assert.equal(await callerOf(tokens, {}), null)
  })

  it('knows nobody by the hash of a token', async () => {
    assert.equal(await callerOf(tokens, { 'X-Auth-Token': sha256('alpha') }), null)
  })

  it('may be empty', async () => {
    assert.equal(await callerOf('# nobody yet\n', { 'X-Auth-Token': 'alpha' }), null)
  })
})

describe('an entry that is none', () => {
  const good = line('alpha', 'ann:project-a:member')
  const refuses = (tokens: string, number: number) =>
    assert.throws(() => identifyByTokens(tokens), {
      name: 'ConfigError',
      message: `Token ${number} is not of the form "sha256-of-token:user:project:role,role"`,
    })

  it('is refused with its number', () => {
    refuses(`${good}\n${good}\nalpha:ann:project-a:member\n`, 3)
  })

  it('is one with a hash of another length or in upper case', () => {
    refuses(`${sha256('x').slice(1)}:ann:project-a:member`, 1)
    refuses(`${sha256('x').toUpperCase()}:ann:project-a:member`, 1)
  })

  it('is one without a user or without roles', () => {
    refuses(line('x', ':project-a:member'), 1)
    refuses(line('x', 'ann:project-a:'), 1)
    refuses(line('x', 'ann:project-a'), 1)
  })

  it('is not repeated in the message, since it may be a token', () => {
    assert.throws(
      () => identifyByTokens('my-secret'),
      (error: Error) => !error.message.includes('my-secret'),
    )
  })
})

describe('a token that is made', () => {
  it('is known by the line that comes with it', async () => {
    const { token, line: entry } = makeToken('ann', 'project-a', 'member,reader')
    const caller = await callerOf(entry, { 'X-Auth-Token': token })
    assert.equal(caller?.userId, 'ann')
    assert.deepEqual(caller?.roles, ['member', 'reader'])
  })

  it('is another one each time', () => {
    assert.notEqual(makeToken('a', 'b', 'c').token, makeToken('a', 'b', 'c').token)
  })

  it('is no option on a command line', () => {
    assert.match(makeToken('a', 'b', 'c').token, /^[0-9a-f]{64}$/)
  })

  it('is none for a user that no line can hold', () => {
    assert.throws(() => makeToken('ann smith', 'project-a', 'member'), { name: 'ConfigError' })
    assert.throws(() => makeToken('ann:b', 'project-a', 'member'), { name: 'ConfigError' })
  })
})

describe('a site with flavor token', () => {
  let site: TestSite
  before(async () => {
    const entries = [
      line('reader', 'r:project-a:reader'),
      line('member', 'm:project-a:member,reader'),
      line('admin', 'a:cloud:admin,member,reader'),
    ]
    site = await createTestSite({
      paste_deploy: { flavor: 'token' },
      heliostat: { tokens: entries.join(' ') },
    })
  })
  after(() => site.close())

  const list = (headers = {}) => site.request('/v2/images', { headers })

  it('refuses those without a token (401)', async () => {
    const response = await list({ 'X-OpenStack-Request-ID': 'mine' })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('WWW-Authenticate'), 'Token realm="heliostat"')
    assert.match(
      await response.text(),
      /This server could not verify that you are authorized to access the document you requested\./,
    )
  })

  it('refuses a wrong token (401)', async () => {
    assert.equal((await list({ 'X-Auth-Token': 'guess' })).status, 401)
  })

  it('refuses identity headers, which anybody could send (401)', async () => {
    const headers = { 'X-Identity-Status': 'Confirmed', 'X-Roles': 'admin', 'X-User-Id': 'a' }
    assert.equal((await list(headers)).status, 401)
  })

  it('refuses before it looks at the path (401)', async () => {
    const unknown = await site.request('/v2/nothing', { method: 'OPTIONS' })
    assert.equal(unknown.status, 401)
    assert.equal((await site.request('/v2/images/', { method: 'PUT' })).status, 401)
  })

  it('lets each do what his roles allow (201)', async () => {
    const create = (token: string, body: string) =>
      site.request('/v2/images', { method: 'POST', headers: { 'X-Auth-Token': token }, body })
    assert.equal((await list({ 'X-Auth-Token': 'reader' })).status, 200)
    assert.equal((await create('reader', '{}')).status, 403)
    assert.equal((await create('member', '{}')).status, 201)
    assert.equal((await create('member', '{"visibility": "public"}')).status, 403)
    assert.equal((await create('admin', '{"visibility": "public"}')).status, 201)
  })

  it('lets images belong to the project of the token (201)', async () => {
    const image = await createImage(site, {}, { 'X-Auth-Token': 'member' })
    assert.equal(image['owner'], 'project-a')
  })
})
