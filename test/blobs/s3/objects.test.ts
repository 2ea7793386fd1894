import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { ObjectStore } from '../../../src/blobs/object-store.ts'
import { createS3Objects, withoutKeys } from '../../../src/blobs/s3/objects.ts'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { randomChunk, read } from '../../support/chunks.ts'
import { type S3Server, sendError, startS3Server } from '../../support/s3-server.ts'

const ID = '1a2b3c4d-0000-4000-8000-00000000000f'
const QUICK = { ...PATIENCE, firstPause: 10 }

let server: S3Server
let objects: ObjectStore
let host: string
const bytes = randomChunk(50_000).bytes
beforeEach(async () => {
  server = await startS3Server()
  host = new URL(server.url).host
  objects = createS3Objects(server.options, fetch, QUICK)
  const object = { bytes: Buffer.from(bytes), metadata: {}, modified: new Date() }
  server.buckets.get('images')?.set(ID, object)
})
afterEach(() => server.close())

describe('the URL of an image that Glance has written into S3', () => {
  it('is known by host, bucket and id, whatever keys are in it', () => {
    for (const url of [
      `s3://${host}/images/${ID}`,
      `s3+http://${host}/images/${ID}`,
      `s3+https://${host}/images/${ID}`,
      `s3://KEY:SECRET@${host}/images/${ID}`,
      `s3://KEY:SE/CR+ET@${host}/images/${ID}`,
      `s3://KEY:SE%2FCR%40ET@${host}/images/${ID}`,
      `s3://KEY:a@b@${host}/images/${ID}`,
      `s3+https://KEY:SECRET@${host}/images/${ID.toUpperCase()}`,
    ]) {
      assert.equal(objects.holds(url), true, url)
    }
  })

  it('is none of another place', () => {
    for (const url of [
      `s3://other/images/${ID}`,
      `s3://${host}.other/images/${ID}`,
      `s3://${host}/other/${ID}`,
      `s3://${host}@other/images/${ID}`,
      `s3://other/${host}/images/${ID}`,
      `s3://${host}/images/x/${ID}`,
      `s3://${host}/images/../images/${ID}`,
      `s3://${host}/images/chunks`,
      `s3://${host}/images/${ID}x`,
      `s3://${host}/images/${ID}?x`,
      `s3://${host}/images/${ID}/`,
      `s3://${host}/images/${ID}\n`,
      `s3://${host}/images/${ID}\0`,
      `s3://${host}/images/%2e%2e`,
      `s3://${host}/images/`,
      `s3://${host}`,
      `S3://${host}/images/${ID}`,
      `s3+ftp://${host}/images/${ID}`,
      `http://${host}/images/${ID}`,
      '',
    ]) {
      assert.equal(objects.holds(url), false, url)
    }
  })

  it('may name the usual port or leave it out', () => {
    const at = (s3_store_host: string) =>
      createS3Objects({ ...server.options, s3_store_host }, fetch, QUICK)
    const named = (port: string) => `s3+https://k:s@S3.example.com${port}/images/${ID}`
    for (const port of ['', ':443']) {
      assert.ok(at('https://s3.example.com').holds(named(port)))
      assert.ok(at('https://s3.example.com:443/').holds(named(port)))
      assert.ok(!at('https://s3.example.com:8443').holds(named(port)))
    }
    assert.ok(!at('https://s3.example.com').holds(named(':80')))
    assert.ok(at('s3.example.com').holds(named(':80')))
    assert.ok(at('https://example.com/s3').holds(`s3://example.com/s3/images/${ID}`))
  })

  it('is shown without its keys', () => {
    assert.equal(withoutKeys(`s3+https://K:S/@x@h:1/b/${ID}`), `s3+https://h:1/b/${ID}`)
    assert.equal(withoutKeys(`s3://h/b/${ID}`), `s3://h/b/${ID}`)
    assert.equal(withoutKeys('s3://K:S\n@h'), 's3://h')
  })
})

describe('an image that Glance has written into S3', () => {
  const url = () => `s3://OLD:a/secret@${host}/images/${ID}`
  const absent = () => url().replace(ID, ID.replaceAll('0', '1'))

  it('has a size', async () => {
    assert.equal(await objects.size(url()), bytes.length)
    assert.equal(await objects.size(absent()), null)
    const empty = { bytes: Buffer.of(), metadata: {}, modified: new Date() }
    server.buckets.get('images')?.set(ID, empty)
    assert.equal(await objects.size(url()), 0)
  })

  it('is read in spans', async () => {
    const span = { offset: 100, length: 49_000 }
    assert.deepEqual(await read(await objects.get(url(), span)), bytes.subarray(100, 49_100))
    assert.equal((await read(await objects.get(url(), { offset: 9, length: 0 }))).length, 0)
    assert.equal(await objects.get(absent(), span), null)
    assert.equal(await objects.get(absent(), { offset: 0, length: 0 }), null)
  })

  it('is deleted', async () => {
    assert.equal(await objects.delete?.(url()), 'gone')
    assert.equal(await objects.delete?.(url()), 'gone')
    assert.equal(await objects.size(url()), null)
  })

  it('is neither absent nor deleted where the store cannot say [503]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 503, 'SlowDown')
    const span = { offset: 0, length: 1 }
    await assert.rejects(objects.size(url()), /503 SlowDown/)
    await assert.rejects(objects.get(url(), span), /503 SlowDown/)
    await assert.rejects(async () => objects.delete?.(url()), /503 SlowDown/)
  })

  it('is read with our keys, which no message shows, nor those of its URL [403]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 403, 'InvalidAccessKeyId')
    await assert.rejects(objects.size(url()), ({ message }: Error) => !/OLD|secret/.test(message))
    assert.match(server.asked[0]?.headers.authorization ?? '', /Credential=KEY\//)
  })

  it('is refused under a URL of another place, without its keys', async () => {
    const other = `s3://OLD:a/secret@other/images/${ID}`
    const refused = {
      name: 'TypeError',
      message: `Not an image of this store: "s3://other/images/${ID}"`,
    }
    await assert.rejects(objects.size(other), refused)
    await assert.rejects(objects.get(other, { offset: 0, length: 1 }), refused)
    await assert.rejects(async () => objects.delete?.(other), refused)
    assert.equal(server.asked.length, 0)
  })
})
