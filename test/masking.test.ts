import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hideCredentials, shownMistake, shownName, shownPath, shownValue } from '../src/masking.ts'

/** Each text with what is shown of it. */
function expect(show: (text: string) => string, cases: Record<string, string>): void {
  for (const [text, shown] of Object.entries(cases)) assert.equal(show(text), shown)
}

const unchanged = (...texts: string[]) => Object.fromEntries(texts.map((text) => [text, text]))

describe('a text that is told', () => {
  it('has no credentials in its URLs', () => {
    expect(hideCredentials, {
      'No site at http://me:hush@a:1/x: refused': 'No site at http://***@a:1/x: refused',
      'http://hush@a, http://me:hu/sh@b': 'http://***@a, http://***@b',
      'GET //me:h@u@sh@a/b failed': 'GET //***@a/b failed',
      'libsql://a?authToken=hush&tls=1 is away': 'libsql://a?authToken=***&tls=1 is away',
      'at /x?token=hush;password=hush#secret=hush': 'at /x?token=***;password=***#secret=***',
      'got "http://a/?p=hush", wanted b': 'got "http://a/?p=***", wanted b',
    })
  })

  it('is unchanged otherwise', () => {
    expect(
      hideCredentials,
      unchanged(
        'Error: no\n    at f (file:///srv/node_modules/@hono/node-server/index.mjs:1:2)',
        'who is there? a = b',
        'ann@example.org',
      ),
    )
  })
})

describe('a long text that a client has written', () => {
  it('is told in no time worth mentioning', () => {
    const length = 300_000
    const texts = ['//a:', '//', '//a@', '//:', '/a:', '?a', '?a=', '//a: ', '@', '//a:@']
    const startedAt = performance.now()
    for (const text of texts) {
      const long = text.repeat(length / text.length)
      for (const written of [long, `@${long}`, `${long}@`, `${long} @`]) hideCredentials(written)
    }
    const took = performance.now() - startedAt
    assert.ok(took < 10_000, `${took} ms`)
  })
})

describe('a value that is shown', () => {
  it('has no credentials, whatever they consist of', () => {
    expect(shownValue, {
      'libsql://me:hush@a/b': 'libsql://***@a/b',
      'mysql://me:hu/sh hu#sh@a/b': 'mysql://***@a/b',
      'http://a, http://me:hush@b': 'http://***@b',
      'https://hush@a': 'https://***@a',
      'me:hush@a': '***@a',
      'me:hush//hush@a': '***@a',
      'libsql://a?authToken=hush&tls=0': 'libsql://a?authToken=***&tls=0',
      'libsql://a?password=hu sh"\'hush': 'libsql://a?password=***',
      'libsql://a?AUTHTOKEN=hush;x=hush#y=hush': 'libsql://a?AUTHTOKEN=***;x=***#y=***',
    })
  })

  it('is unchanged otherwise', () => {
    expect(
      shownValue,
      unchanged('sqlite:////srv/me@home/registry.db', 'file:a@b', '127.0.0.0/8,::1', 'a@b'),
    )
  })
})

describe('a value that was refused', () => {
  it('is shown when it consists of words, numbers and addresses', () => {
    expect(
      shownMistake,
      unchanged(
        ...['', 'http', '3MB', '-1', '1.5', '22-6', 'md5', '0.0.0.0', '10.0.0.0/x', '::/129'],
        ...['2001:db8::7f', 'http://edge12.example.org:9292/a,b', 'a_b.example', 'raw, iso'],
      ),
    )
    expect(shownMistake, { 'mysql://me:hush@db/glance': 'mysql://***@db/glance' })
  })

  it('is not when it may be a secret in the wrong place', () => {
    const secrets = [
      ...['hunter2', 's3cr3t', 'gAAAAABkZ0X9', '0123456789abcdef0123', 'abc$def', 'x'.repeat(21)],
      ...['host=db password=hush', 'hush!', 'a@b', 'YWJj=', 'a b\u0000c', 'öffne'],
    ]
    for (const secret of secrets) assert.equal(shownMistake(secret), '***', secret)
  })
})

describe('the name of an unknown option', () => {
  it('is shown when it consists of words', () => {
    expect(
      shownName,
      unchanged('workers', 'memcached_servers', 's3_store_host', 'DEFAULT', 'filter:context'),
    )
  })

  it('is not when it may be a secret', () => {
    for (const name of [
      'hunter2',
      'c2VjcmV0',
      'password hush',
      'x'.repeat(21),
      '',
      'a_'.repeat(40),
    ])
      assert.equal(shownName(name), '***', name)
  })
})

describe('the path of a file that cannot be read', () => {
  it('is shown unless it may be what was to be in the file', () => {
    expect(shownPath, {
      ...unchanged('/etc/heliostat/tokens-4f2a', './tokens', 'tokens.txt', 'tokens'),
      gAAAAABkZ0X9: '***',
    })
  })
})
