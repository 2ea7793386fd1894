import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { configureSync, type LogRecord, resetSync } from '@logtape/logtape'
import { loadConfig } from '../../src/config.ts'
import { createKeystoneClient } from '../../src/identity/keystone-client.ts'
import { createSingleFlight } from '../../src/identity/single-flight.ts'
import {
  startKeystone,
  type TestKeystone,
  tokenFor,
  type Trouble,
  usingKeystone,
} from '../support/keystone.ts'
import { type KeystoneSite, openKeystoneSite } from '../support/keystone-site.ts'

let site: KeystoneSite
let keystone: TestKeystone

async function open(options = {}): Promise<void> {
  site = await openKeystoneSite({ token_cache_time: '100', ...options })
  keystone = site.keystone
}

/** The status and Retry-After for a token that nothing is known of. */
async function refusalOf(token: string) {
  const response = await site.list(token)
  return [response.status, response.headers.get('Retry-After')]
}

const TROUBLES: Record<string, Trouble> = {
  'closed connection': 'closed',
  'broken Keystone': { status: 500 },
  'proxy without Keystone': { status: 503, body: '<html>' },
  'overloaded Keystone': { status: 429 },
  redirect: { status: 302, location: '/elsewhere' },
  'page of HTML': { status: 200, body: '<html>' },
  'token of unknown form': { status: 200, body: '{"token": {"expires_at": "soon"}}' },
  'body without end': { status: 200, body: 'x'.repeat(1_100_000) },
  'service that may not validate': { status: 403 },
}

describe('while Keystone is away', () => {
  beforeEach(async () => {
    await open()
    keystone.known.set('known', tokenFor({}, 200))
    keystone.known.set('unknown', tokenFor())
    assert.equal(await site.statusOf('known'), 200)
    site.pass(100)
  })
  afterEach(() => site.close())

  it('a token that was seen works until it expires, also after a restart (401)', async () => {
    keystone.trouble = 'closed'
    assert.equal(await site.statusOf('known'), 200)
    site.restart()
    assert.equal(await site.statusOf('known'), 200)
    site.pass(100)
    assert.equal(await site.statusOf('known'), 401)
  })

  it('a token that was never seen has to wait, as is said (503)', async () => {
    keystone.trouble = 'closed'
    const response = await site.list('unknown')
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('Retry-After'), '2')
    assert.match(await response.text(), /Keystone, which says who may .* does not answer/)
  })

  it('a token that was revoked before is not known, also after a restart (503)', async () => {
    keystone.known.delete('known')
    assert.equal(await site.statusOf('known'), 401)
    keystone.trouble = 'closed'
    site.restart()
    assert.equal(await site.statusOf('known'), 503)
  })

  it('any answer that says nothing of the token counts as none (503)', async () => {
    for (const [name, trouble] of Object.entries(TROUBLES)) {
      site.restart()
      keystone.trouble = null
      assert.equal(await site.statusOf('forged'), 401, name)
      keystone.trouble = trouble
      assert.equal(await site.statusOf('known'), 200, name)
      assert.equal(await site.statusOf('unknown'), 503, name)
      site.restart()
      assert.equal(await site.statusOf('unknown'), 503, name)
    }
    assert.ok(!keystone.requests.includes('GET /elsewhere'))
  })

  it('it is asked seldom: after 2 seconds, then 4, at last every 30 (503)', async () => {
    keystone.trouble = { status: 500 }
    const pauses = ['2', '4', '8', '16', '30', '30']
    for (const seconds of pauses) {
      assert.deepEqual(await refusalOf('unknown'), [503, seconds])
      const { length } = keystone.requests
      site.pass(Number(seconds) - 1)
      assert.deepEqual(await refusalOf('unknown'), [503, '1'])
      assert.equal(await site.statusOf('known'), 200)
      assert.equal(keystone.requests.length, length)
      site.pass(1)
    }
  })

  it('one request asks whether it is back, and the others do not wait for it (503)', async () => {
    keystone.trouble = { status: 500 }
    await site.list('unknown')
    site.pass(2)
    keystone.requests.length = 0
    const tokens = ['one', 'two', 'three', 'four', 'known', 'known']
    const statuses = await Promise.all(tokens.map((token) => site.statusOf(token)))
    assert.deepEqual(statuses, [503, 503, 503, 503, 200, 200])
    // The token itself, and whether it is the token's fault.
    assert.equal(keystone.requests.length, 2)
  })

  it('it is taken back when it answers (200)', async () => {
    keystone.trouble = 'closed'
    assert.equal(await site.statusOf('unknown'), 503)
    keystone.trouble = null
    assert.equal(await site.statusOf('unknown'), 503)
    site.pass(2)
    assert.equal(await site.statusOf('unknown'), 200)
    keystone.known.delete('known')
    assert.equal(await site.statusOf('known'), 401)
  })

  it('a service that starts then does so (503)', async () => {
    keystone.trouble = 'closed'
    site.restart()
    assert.equal((await site.request('/healthcheck')).status, 200)
    assert.equal(await site.statusOf('unknown'), 503)
  })
})

describe('a clock that is set', () => {
  beforeEach(() => open())
  afterEach(() => site.close())
  const HOUR = 3600

  it('back, lets no token live longer than it has left (401)', async () => {
    keystone.known.set('known', tokenFor({}, 200))
    assert.equal(await site.statusOf('known'), 200)
    keystone.trouble = 'closed'
    site.setClock(-HOUR)
    site.pass(199)
    assert.equal(await site.statusOf('known'), 200)
    site.pass(1)
    assert.equal(await site.statusOf('known'), 401)
  })

  it('back, lets none live longer after a restart than it had when it was validated (401)', async () => {
    keystone.known.set('known', tokenFor({}, 200))
    assert.equal(await site.statusOf('known'), 200)
    keystone.trouble = 'closed'
    site.setClock(-HOUR)
    site.restart()
    assert.equal(await site.statusOf('known'), 200)
    site.pass(200)
    assert.equal(await site.statusOf('known'), 401)
  })

  it('back, has tokens validated again that were validated later than now, also after a restart (401)', async () => {
    for (const restart of [() => undefined, site.restart]) {
      keystone.known.set('known', tokenFor({}, 10 * HOUR))
      assert.equal(await site.statusOf('known'), 200)
      site.setClock(-HOUR)
      restart()
      keystone.known.delete('known')
      assert.equal(await site.statusOf('known'), 401)
      site.pass(HOUR)
    }
  })

  it('back, keeps no token for valid longer than token_cache_time (401)', async () => {
    keystone.known.set('known', tokenFor({}, 10 * HOUR))
    site.setClock(HOUR)
    assert.equal(await site.statusOf('known'), 200)
    site.setClock(10 - HOUR)
    keystone.known.delete('known')
    assert.equal(await site.statusOf('known'), 401)
    site.setClock(HOUR)
    site.restart()
    assert.equal(await site.statusOf('known'), 401)
  })

  it('forward for a while, ends no token for longer than that (401, 200)', async () => {
    keystone.known.set('known', tokenFor({}, 200))
    assert.equal(await site.statusOf('known'), 200)
    keystone.trouble = 'closed'
    site.setClock(HOUR)
    assert.equal(await site.statusOf('known'), 401)
    site.setClock(-HOUR)
    assert.equal(await site.statusOf('known'), 200)
  })

  it('has Keystone neither left alone for longer nor asked sooner (503)', async () => {
    keystone.known.set('good', tokenFor({}, 10 * HOUR))
    keystone.trouble = { status: 500 }
    assert.equal(await site.statusOf('good'), 503)
    const { length } = keystone.requests
    site.setClock(HOUR)
    assert.deepEqual(await refusalOf('good'), [503, '2'])
    assert.equal(keystone.requests.length, length)
    keystone.trouble = null
    site.setClock(-2 * HOUR)
    site.pass(2)
    assert.equal(await site.statusOf('good'), 200)
  })

  it('keeps no token refused for longer than ten seconds (200)', async () => {
    assert.equal(await site.statusOf('late'), 401)
    keystone.known.set('late', tokenFor({}, 10 * HOUR))
    site.setClock(-HOUR)
    site.pass(10)
    assert.equal(await site.statusOf('late'), 200)
  })

  it('forward, does not make every request a login', async () => {
    keystone.known.set('good', tokenFor({}, 10 * HOUR))
    assert.equal(await site.statusOf('good'), 200)
    site.setClock(2 * HOUR)
    await site.list('one')
    await site.list('two')
    assert.equal(keystone.logins.length, 1)
  })
})

describe('a token that Keystone chokes on', () => {
  beforeEach(() => open())
  afterEach(() => site.close())

  it('cuts nobody else off (503)', async () => {
    keystone.known.set('good', tokenFor())
    assert.equal(await site.statusOf('x'.repeat(3000)), 503)
    assert.equal(await site.statusOf('good'), 200)
  })
})

describe('a Keystone that is silent', () => {
  it('is left alone after http_connect_timeout', async () => {
    const silent = await startKeystone()
    silent.trouble = 'silent'
    const { config } = loadConfig(usingKeystone(silent))
    const options = { ...config.keystone_authtoken, http_connect_timeout: 0.05 }
    const client = createKeystoneClient(options, fetch)
    await assert.rejects(client.request('/limits'), { code: 'unavailable' })
    await assert.rejects(client.request('/limits'), { code: 'unavailable' })
    assert.equal(silent.requests.length, 1)
    await silent.close()
  })
})

describe('a question whose answer never comes', () => {
  it('is asked again by whoever has waited for it long enough', async () => {
    const share = createSingleFlight<string>(20)
    void share('key', () => new Promise(() => undefined))
    assert.equal(await share('key', async () => 'answer'), 'answer')
  })
})

describe('what is logged about Keystone', () => {
  let logged = ''
  before(() => {
    const note = ({ message, properties }: LogRecord) => {
      logged += JSON.stringify([message, properties])
    }
    configureSync({
      sinks: { note },
      loggers: [
        { category: 'heliostat', sinks: ['note'] },
        { category: ['logtape', 'meta'], lowestLevel: 'error' },
      ],
    })
  })
  after(() => resetSync())
  afterEach(() => site.close())

  it('is that it is away and that it is back, once', async () => {
    await open()
    keystone.trouble = { status: 500 }
    await site.list('secret-token')
    await site.list('secret-token')
    keystone.trouble = null
    site.pass(2)
    await site.list('secret-token')
    assert.equal(logged.split('Keystone does not answer: ').length - 1, 1)
    assert.equal(logged.split('Keystone answers again').length - 1, 1)
  })

  it('is no token and no password', async () => {
    await open()
    for (const trouble of Object.values(TROUBLES)) {
      keystone.trouble = trouble
      await site.list('secret-token')
      keystone.trouble = null
      await site.list('secret-token')
      site.pass(60)
    }
    keystone.takesLogins = false
    site.restart()
    await site.list('secret-token')
    assert.match(logged, /refused with status 401/)
    assert.doesNotMatch(logged, /secret-token|service-token|pass-word/)
  })
})
