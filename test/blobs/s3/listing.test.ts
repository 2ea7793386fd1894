import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createS3Store } from '../../../src/blobs/s3/store.ts'
import { parseError, parseListing } from '../../../src/blobs/s3/xml.ts'
import { gather, randomChunk } from '../../support/chunks.ts'
import { type S3Server, startS3Server } from '../../support/s3-server.ts'

const QUICK = { ...PATIENCE, firstPause: 10 }

let server: S3Server
let digests: string[]
beforeEach(async () => {
  server = await startS3Server()
})
afterEach(() => server.close())

const list = async (after?: string) =>
  (await gather(createS3Store(server.options, fetch, QUICK).list(after))).map(
    ({ digest }) => digest,
  )

function fill(count: number): void {
  const object = { bytes: Buffer.of(), metadata: {}, modified: new Date() }
  digests = Array.from({ length: count }, () => randomChunk(32).digest).toSorted()
  for (const digest of digests) server.buckets.get('images')?.set(`chunks/${digest}`, object)
}

describe('the list of an S3 store', () => {
  it('goes on by the last key where the server gives no token', async () => {
    fill(2500)
    server.listsBy = 'start-after'
    assert.deepEqual(await list(), digests)
    assert.deepEqual(await list(digests[1200]), digests.slice(1201))
    assert.equal(server.asked.length, 5)
  })

  it('is right where the server begins at the first key whatever it is told', async () => {
    fill(100)
    server.listsBy = 'nothing'
    assert.deepEqual(await list(digests[60]), digests.slice(61))
  })

  it('breaks where the server gives the same page for ever', async () => {
    fill(1001)
    server.listsBy = 'nothing'
    await assert.rejects(list(), /does not go on after a page$/)
  })

  it('leaves out what is no chunk', async () => {
    fill(3)
    const object = { bytes: Buffer.of(), metadata: {}, modified: new Date() }
    for (const key of ['chunks/', 'chunks/x', `chunks/${'0'.repeat(64)}.bak`, 'other', 'zz']) {
      server.buckets.get('images')?.set(key, object)
    }
    assert.deepEqual(await list(), digests)
  })

  it('asks again for a page of which the end is missing', async () => {
    fill(10)
    let isFirst = true
    server.trouble = (outgoing) => {
      if (isFirst) outgoing.end('<ListBucketResult><IsTruncated>false</IsTruncated><Contents>')
      return isFirst && !(isFirst = false)
    }
    assert.deepEqual(await list(), digests)
  })
})

describe('a document of an S3 server', () => {
  const page = (inside: string) =>
    `<?xml version="1.0"?><ListBucketResult>${inside}</ListBucketResult>`
  const object = (key: string, time = '2026-01-02T03:04:05.678Z') =>
    `<Contents><Key>${key}</Key><LastModified>${time}</LastModified></Contents>`
  let storedAt: number
  before(() => {
    storedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  })

  it('is a page with any number of objects', () => {
    const none = page('<IsTruncated>false</IsTruncated>')
    assert.deepEqual(parseListing(none), { objects: [], isTruncated: false, token: null })
    const one = page(`<IsTruncated>true</IsTruncated>${object('1e3')}`)
    assert.deepEqual(parseListing(one).objects, [{ key: '1e3', storedAt }])
    const two = page(`${object('a')}<IsTruncated>true</IsTruncated>${object('b&amp;c')}`)
    assert.deepEqual(
      parseListing(two).objects.map(({ key }) => key),
      ['a', 'b&c'],
    )
    const token = '<NextContinuationToken>a+b/c==</NextContinuationToken>'
    assert.equal(parseListing(page(`<IsTruncated>true</IsTruncated>${token}`)).token, 'a+b/c==')
  })

  it('is refused where it is no page, not all of one, or means no good', () => {
    const whole = page(`<IsTruncated>false</IsTruncated>${object('a')}`)
    for (const text of [
      '',
      '<html><p>Hello</html>',
      '{}',
      page(''),
      page(`<IsTruncated>false</IsTruncated>${object('a', 'yesterday')}`),
      whole.slice(0, -3),
      whole.slice(0, whole.indexOf('</Contents>')),
      `<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]>${whole}`,
    ]) {
      assert.throws(() => parseListing(text), /no list of objects$/, text)
    }
  })

  it('is an error whatever it has left out', () => {
    const error = { code: 'SlowDown', message: '', region: '', endpoint: '' }
    assert.deepEqual(parseError('<Error><Code>SlowDown</Code><Message/></Error>'), error)
    assert.deepEqual(parseError('<Error><A/></Error>')?.code, '')
    assert.equal(parseError('<html>Error</html>'), null)
    assert.equal(parseError('<Error><Code>'), null)
  })
})
