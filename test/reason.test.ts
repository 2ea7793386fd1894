import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reasonOf } from '../src/reason.ts'

const failureOf = (url: string) => fetch(url).then(() => null, reasonOf)

describe('the reason for which a request failed', () => {
  it('is what is wrong with the connection', async () => {
    assert.equal(await failureOf('http://127.0.0.1:2'), 'connect ECONNREFUSED 127.0.0.1:2')
  })

  it('is a code where several addresses were tried', () => {
    const tried = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })
    assert.equal(reasonOf(new TypeError('fetch failed', { cause: tried })), 'ECONNREFUSED')
  })

  it('names no credentials', async () => {
    const reason = await failureOf('http://operator:hidden@127.0.0.1:2/')
    assert.match(reason ?? '', /127\.0\.0\.1/)
    assert.doesNotMatch(reason ?? '', /operator|hidden/)
  })

  it('is one line of a bounded length, whatever strangers have sent', () => {
    assert.equal(reasonOf(new Error('a\r\n\u001b[31mb\0\u2028c')), 'a [31mb c')
    assert.equal(reasonOf(new Error('x'.repeat(1e6))), `${'x'.repeat(500)}…`)
    const secret = `${'x'.repeat(480)} http://user:${'p'.repeat(100)}@host/`
    assert.doesNotMatch(reasonOf(new Error(secret)), /user|ppp/)
  })

  it('is anything else that was thrown', () => {
    assert.equal(reasonOf(new Error('status 500')), 'status 500')
    assert.equal(reasonOf('gone'), 'gone')
  })
})
