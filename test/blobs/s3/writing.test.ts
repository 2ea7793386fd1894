import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { S3Options } from '../../../src/blobs/s3/settings.ts'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createS3Store } from '../../../src/blobs/s3/store.ts'
import { randomChunk, read } from '../../support/chunks.ts'
import { type S3Server, sendError, startS3Server } from '../../support/s3-server.ts'

const QUICK = { ...PATIENCE, firstPause: 10 }

let server: S3Server
beforeEach(async () => {
  server = await startS3Server()
})
afterEach(() => server.close())

const open = (options: Partial<S3Options> = {}) =>
  createS3Store({ ...server.options, ...options }, fetch, QUICK)

const puts = () => server.asked.filter(({ method }) => method === 'PUT')

describe('put of the S3 store', () => {
  it('replaces an object that is not the chunk', async () => {
    const { digest, bytes } = randomChunk(1000)
    const modified = new Date()
    const metadata = { 'x-amz-meta-sha256': digest }
    for (const damaged of [
      { bytes: Buffer.from(randomChunk(1000).bytes), metadata: {}, modified },
      { bytes: Buffer.from(bytes.subarray(1)), metadata, modified },
      { bytes: Buffer.of(), metadata: {}, modified },
    ]) {
      server.buckets.get('images')?.set(`chunks/${digest}`, damaged)
      await open().put(digest, bytes)
      assert.deepEqual(await read(await open().get(digest)), bytes)
    }
  })

  it('sends nothing where the chunk is there', async () => {
    const { digest, bytes } = randomChunk(1000)
    await open().put(digest, bytes)
    await open().put(digest, bytes)
    assert.equal(puts().length, 1)
  })

  it('does not take part of a chunk, or another one, for stored [400]', async () => {
    const { digest } = randomChunk(1000)
    await assert.rejects(open().put(digest, randomChunk(1000).bytes), /XAmzContentSHA256Mismatch/)
    assert.equal(await open().get(digest), null)
  })

  it('goes on where it may not look [403]', async () => {
    const { digest, bytes } = randomChunk(1000)
    server.trouble = (outgoing, { method }) => {
      if (method === 'HEAD') outgoing.writeHead(403).end()
      return method === 'HEAD'
    }
    await open().put(digest, bytes)
    assert.deepEqual(await read(await open().get(digest)), bytes)
  })
})

describe('a bucket that is not there yet', () => {
  const creating = { s3_store_create_bucket_on_put: true }

  it('is created in its region', async () => {
    server.buckets.clear()
    const { digest, bytes } = randomChunk(10)
    await open(creating).put(digest, bytes)
    const created = puts().find(({ path }) => path === 'images')
    assert.match(String(created?.bytes), /<LocationConstraint>test-1<\/LocationConstraint>/)
  })

  it('may be created by somebody else meanwhile [409]', async () => {
    const { digest, bytes } = randomChunk(10)
    let isThere = false
    server.trouble = (outgoing, { method, path }) => {
      if (isThere || method !== 'PUT') return false
      if (path !== 'images') return sendError(outgoing, 404, 'NoSuchBucket')
      isThere = true
      return false
    }
    await open(creating).put(digest, bytes)
    assert.deepEqual(await read(await open().get(digest)), bytes)
  })

  it('is told of where it cannot be created [403]', async () => {
    server.buckets.clear()
    server.trouble = (outgoing, { method, path }) =>
      method === 'PUT' && path === 'images' && sendError(outgoing, 403, 'AccessDenied')
    await assert.rejects(open(creating).setOwner('me'), {
      message: `Cannot create the bucket "images": bucket "images" at ${server.url} does not allow this to the access key (403 AccessDenied)`,
    })
  })
})
