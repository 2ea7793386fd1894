import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sql } from 'drizzle-orm'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { HeliostatError } from '../src/errors.ts'
import { reasonOf, traceOf } from '../src/reason.ts'
import { postImage } from './support/images.ts'
import { collectLogs } from './support/logs.ts'
import { createTestSite } from './support/site.ts'

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

  it('is that of the database, without the values of the statement', () => {
    const failed = (cause?: Error) =>
      new DrizzleQueryError('insert into "images" values (?)', ['secret\nname'], cause)
    assert.equal(reasonOf(failed(new Error('no such table: images'))), 'no such table: images')
    assert.equal(reasonOf(failed()), 'Failed query: insert into "images" values (?)')
  })

  it('is what a client is told, with what is behind it', () => {
    const cause = new Error('5 bytes are free')
    const error = new HeliostatError('too-large', 'The store has no space left', { cause })
    assert.equal(reasonOf(error), 'The store has no space left: 5 bytes are free')
  })

  it('is anything else that was thrown', () => {
    assert.equal(reasonOf(new Error('status 500')), 'status 500')
    assert.equal(reasonOf('gone'), 'gone')
  })
})

describe('the trace of a failure', () => {
  it('tells where it happened and what caused it, without the values of a statement', () => {
    const cause = new Error('no such table: images')
    const trace = traceOf(new DrizzleQueryError('insert into "images"', ['secret\nname'], cause))
    assert.match(
      trace,
      /^Error: Failed query: insert into "images"\n +at .*\ncaused by: Error: no such table: images\n +at /s,
    )
    assert.doesNotMatch(trace, /secret|name/)
  })

  it('is logged of a request whose statement failed, without what the client has sent [500]', async () => {
    const site = await createTestSite()
    await site.registry.run(sql`drop table image_tags`)
    const logs = collectLogs()
    const response = await postImage(site, { name: 'secret-name', tags: ['secret-tag'] })
    logs.stop()
    await site.close()
    assert.equal(response.status, 500)
    const log = logs.lines.join('\n')
    assert.match(log, /POST \/v2\/images failed: .*no such table: \S*image_tags/s)
    assert.doesNotMatch(log, /secret/)
  })
})
