import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createS3Store } from '../../../src/blobs/s3/store.ts'
import type { Span } from '../../../src/blobs/store.ts'
import { type Chunk, randomChunk, read } from '../../support/chunks.ts'
import { type S3Server, sendError, startS3Server } from '../../support/s3-server.ts'
import { eventually } from '../../support/server.ts'

const QUICK = { ...PATIENCE, firstPause: 10 }
const SIZE = 100_000
const SPAN = { offset: 1000, length: 90_000 }

let server: S3Server
let chunk: Chunk
let spanBytes: Uint8Array
beforeEach(async () => {
  server = await startS3Server()
  chunk = randomChunk(SIZE)
  spanBytes = chunk.bytes.subarray(SPAN.offset, SPAN.offset + SPAN.length)
  await open().put(chunk.digest, chunk.bytes)
})
afterEach(() => server.close())

const open = (patience = QUICK, options = server.options) => createS3Store(options, fetch, patience)

const get = async (span?: Span) => read(await open().get(chunk.digest, span))

interface Answer {
  status?: number
  headers?: Record<string, string>
  /** What of the bytes that were asked for is sent; the connection breaks after less than all. */
  sent?: (bytes: Uint8Array) => Uint8Array
  /** Not even that shows that something is missing. */
  isEnded?: boolean
}

/** What follows in place of the answers of the server, each once. */
function answers(...list: Answer[]): string[] {
  const ranges: string[] = []
  server.trouble = (outgoing, { headers }) => {
    const range = headers.range ?? `bytes=0-${SIZE - 1}`
    ranges.push(range)
    const answer = list.shift()
    if (answer) sendRange(outgoing, range, answer)
    return answer !== undefined
  }
  return ranges
}

function sendRange(outgoing: ServerResponse, range: string, answer: Answer): void {
  const [, first = 0, last = 0] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  const bytes = chunk.bytes.subarray(Number(first), Number(last) + 1)
  const { status = bytes.length === SIZE ? 200 : 206, sent = () => bytes } = answer
  const headers = {
    'Content-Length': `${bytes.length}`,
    'Content-Range': `bytes ${first}-${last}/${SIZE}`,
    ETag: etag(),
    ...answer.headers,
  }
  for (const [name, value] of Object.entries(headers)) if (value) outgoing.setHeader(name, value)
  outgoing.statusCode = status
  if (answer.isEnded) outgoing.end(sent(bytes))
  else outgoing.write(sent(bytes), () => outgoing.destroy())
}

const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)
const none = () => new Uint8Array()
const cut = { sent: half }

describe('a body from S3', () => {
  it('goes on where its connection broke', async () => {
    const ranges = answers(cut, cut, cut, {})
    assert.deepEqual(await get(), chunk.bytes)
    assert.deepEqual(ranges, [
      'bytes=0-99999',
      'bytes=50000-99999',
      'bytes=75000-99999',
      'bytes=87500-99999',
    ])
  })

  it('goes on within its span', async () => {
    const ranges = answers(cut, {})
    assert.deepEqual(await get(SPAN), spanBytes)
    assert.deepEqual(ranges, ['bytes=1000-90999', 'bytes=46000-90999'])
  })

  it('goes on where nothing came', async () => {
    answers({ sent: none }, { sent: none }, {})
    assert.deepEqual(await get(SPAN), spanBytes)
  })

  it('goes on after an error at the resumption [503]', async () => {
    answers(cut)
    const cutOnce = server.trouble
    let refused = 0
    server.trouble = (outgoing, asked) =>
      cutOnce?.(outgoing, asked) || (refused++ < 2 && sendError(outgoing, 503, 'SlowDown'))
    assert.deepEqual(await get(), chunk.bytes)
  })

  it('goes on after a silence', async () => {
    const patience = { ...QUICK, idle: 100 }
    let first = true
    server.trouble = (outgoing) => {
      if (first) outgoing.writeHead(200, { 'Content-Length': SIZE, ETag: etag() })
      if (first) outgoing.write(half(chunk.bytes))
      return first && !(first = false)
    }
    assert.deepEqual(await read(await open(patience).get(chunk.digest)), chunk.bytes)
  })

  it('breaks where it breaks again and again', async () => {
    const ranges = answers(...Array.from({ length: 20 }, () => cut))
    await assert.rejects(
      get(),
      /^S3Error: Cannot read "chunks\/\w+": bucket "images" at \S+ fails:/,
    )
    assert.equal(ranges.length, 5)
  })

  it('breaks where another object has taken its place meanwhile', async () => {
    answers(cut, { headers: { ETag: '"other"' } })
    await assert.rejects(get(), /changed the object while it was read$/)
  })

  it('breaks where the object is gone meanwhile [404]', async () => {
    answers(cut)
    const cutOnce = server.trouble
    server.trouble = (outgoing, asked) => {
      server.buckets.get('images')?.clear()
      return cutOnce?.(outgoing, asked) ?? false
    }
    await assert.rejects(get(), /changed the object while it was read$/)
  })

  it('goes on where it ended early, of which only its span tells', async () => {
    answers({ headers: { 'Content-Length': '' }, sent: half, isEnded: true }, {})
    assert.deepEqual(await get(SPAN), spanBytes)
  })

  it('lets its connection go when its reader leaves', async () => {
    let closed = false
    server.trouble = (outgoing) => {
      outgoing.on('close', () => (closed = true))
      outgoing.writeHead(200, { 'Content-Length': SIZE, ETag: etag() }).write(half(chunk.bytes))
      return true
    }
    const reader = (await open().get(chunk.digest))?.getReader()
    await reader?.read()
    await reader?.cancel()
    await eventually('the connection is closed', 5000, () => closed || null)
  })
})

describe('an answer from S3 is refused', () => {
  /** It is asked for a few times more, in case it was an accident. */
  async function refuses(answer: Answer, message: RegExp): Promise<void> {
    answers(...Array.from({ length: PATIENCE.attempts }, () => answer))
    await assert.rejects(get(SPAN), message)
    assert.deepEqual(await get(SPAN), spanBytes)
  }

  it('that begins elsewhere [206]', () =>
    refuses(
      { headers: { 'Content-Range': `bytes 0-89999/${SIZE}` } },
      /sends 90000 bytes from 0: wanted 90000 from 1000$/,
    ))

  it('that begins nobody knows where [206]', () =>
    refuses({ headers: { 'Content-Range': '' } }, /sends 90000 bytes from null: wanted/))

  it('that has another length [206]', () =>
    refuses({ headers: { 'Content-Length': '99' } }, /sends 99 bytes from 1000: wanted 90000/))

  it('that is all of the object instead of a span [200]', () =>
    refuses({ status: 200 }, /sends 90000 bytes from 0: wanted 90000 from 1000$/))

  it('that is compressed', () =>
    refuses({ headers: { 'Content-Encoding': 'gzip' } }, /answers compressed/))
})

describe('a whole object', () => {
  it('may come in place of the span that is all of it [200]', async () => {
    answers({ status: 200 })
    assert.deepEqual(await get({ offset: 0, length: SIZE }), chunk.bytes)
  })
})

describe('absent is', () => {
  it('only what the server says has never been there or is gone [404]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 404, 'NoSuchKey')
    assert.equal(await open().get(chunk.digest), null)
    server.trouble = (outgoing) => sendError(outgoing, 404, 'NoSuchBucket')
    await assert.rejects(open().get(chunk.digest), /NoSuchBucket/)
    server.trouble = (outgoing) => {
      outgoing.writeHead(404).end()
      return true
    }
    await assert.rejects(open().get(chunk.digest), /answers 404$/)
    await assert.rejects(open().get(chunk.digest, { offset: 0, length: 0 }), /answers 404$/)
  })

  it('all that is in a bucket which the first chunk will create [404]', async () => {
    server.buckets.clear()
    const store = open(QUICK, { ...server.options, s3_store_create_bucket_on_put: true })
    assert.equal(await store.get(chunk.digest), null)
    assert.equal(await store.owner(), null)
    assert.equal((await store.list()[Symbol.asyncIterator]().next()).done, true)
    await store.delete(chunk.digest)
    await store.check()
    assert.equal(server.buckets.size, 0)
    await store.setOwner('me')
    assert.equal(await store.owner(), 'me')
    await store.put(chunk.digest, chunk.bytes)
    assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
  })
})

function etag(): string {
  return `"${chunk.digest.slice(0, 32)}"`
}
