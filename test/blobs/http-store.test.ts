import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createHttpStore } from '../../src/blobs/http-store.ts'
import type { ObjectStore } from '../../src/blobs/object-store.ts'
import { FILE_PATIENCE } from '../../src/blobs/remote/attempts.ts'
import type { Patience } from '../../src/blobs/remote/patience.ts'
import { createAddressFilter } from '../../src/http/address-filter.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { NO_RULES } from '../support/address-rules.ts'
import { read } from '../support/chunks.ts'
import { type Answer, etagOf, type FileServer, startFileServer } from '../support/file-server.ts'

const bytes = new Uint8Array(randomBytes(300_000))
const WHOLE = { offset: 0, length: bytes.length }

let server: FileServer
let store: ObjectStore
let url: string

before(async () => {
  server = await startFileServer()
  store = storeWith({ firstPause: 1 })
})

after(() => server.close())

beforeEach(() => {
  server.requests.length = 0
  server.answers.length = 0
  url = server.put(bytes)
})

function storeWith(patience: Partial<Patience>): ObjectStore {
  const filter = createAddressFilter({ ...NO_RULES, allowed_hosts: ['127.0.0.1'] })
  const options = { filter, patience: { ...FILE_PATIENCE, ...patience } }
  return createHttpStore(options, createOutgoing({ filter }))
}

async function get(span = WHOLE, from = url): Promise<Uint8Array> {
  return read(await store.get(from, span))
}

async function assertGets(span = WHOLE): Promise<void> {
  const wanted = bytes.subarray(span.offset, span.offset + span.length)
  assert.ok(Buffer.compare(await get(span), wanted) === 0)
}

const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_incoming, outgoing) =>
    outgoing.writeHead(status, headers).end(body)

const always = (each: Answer) => server.answers.push(...Array.from({ length: 50 }, () => each))

/** Sends the range, but hangs up or stands still after so many bytes of it. */
const cutAfter =
  (
    count: number,
    end: (outgoing: ServerResponse) => void,
    changes: Record<string, string> = {},
  ): Answer =>
  ({ headers }, outgoing, file) => {
    const [first = 0, last = 0] = (headers.range ?? '')
      .slice('bytes='.length)
      .split('-')
      .map(Number)
    outgoing.writeHead(206, {
      'Content-Range': `bytes ${first}-${last}/${file.length}`,
      'Content-Length': String(last + 1 - first),
      ETag: etagOf(file),
      ...changes,
    })
    outgoing.write(file.subarray(first, first + count), () => end(outgoing))
  }

const hangUp = (outgoing: ServerResponse) => void outgoing.destroy()

describe('the size of a file behind HTTP', () => {
  it('is asked by HEAD', async () => {
    assert.equal(await store.size(url), bytes.length)
    assert.deepEqual(server.requests, ['HEAD'])
  })

  it('is asked by GET where HEAD is not allowed or says nothing', async () => {
    for (const status of [403, 405, 501, 200]) {
      server.requests.length = 0
      server.answers.push(answer(status))
      assert.equal(await store.size(url), bytes.length)
      assert.deepEqual(server.requests, ['HEAD', 'GET bytes=0-0'])
    }
  })

  it('is that of the whole where the server knows no ranges', async () => {
    server.answers.push(answer(405), (incoming, outgoing, file) => {
      delete incoming.headers.range
      server.serve(incoming, outgoing, file)
    })
    assert.equal(await store.size(url), bytes.length)
  })

  it('is null where there is no file any more', async () => {
    server.answers.push(answer(410))
    assert.equal(await store.size(url), null)
    server.answers.push(answer(405), answer(404))
    assert.equal(await store.size(url), null)
  })

  it('is 0 for an empty file, whose range is none', async () => {
    url = server.put(new Uint8Array())
    assert.equal(await store.size(url), 0)
    server.answers.push(answer(405))
    assert.equal(await store.size(url), 0)
  })

  it('is not known where nobody says it', async () => {
    const streamed: Answer = (_incoming, outgoing) => void outgoing.writeHead(200).end('x')
    server.answers.push(answer(405), (incoming, outgoing, file) => {
      outgoing.setHeader('Transfer-Encoding', 'chunked')
      streamed(incoming, outgoing, file)
    })
    await assert.rejects(() => store.size(url), /does not say how long it is/)
  })
})

describe('a file behind HTTP', () => {
  it('is refused where the server does not let it be read, with an error that shows no query', async () => {
    for (const status of [400, 401, 403, 500, 503]) {
      always(answer(status))
      const pattern = new RegExp(`${url} answers ${status}`)
      for (const ask of [
        () => store.size(`${url}?secret=1`),
        () => get(WHOLE, `${url}?secret=1`),
      ]) {
        await assert.rejects(ask, (error: Error) => {
          assert.match(error.message, pattern)
          assert.doesNotMatch(error.message, /secret/)
          return true
        })
      }
      server.answers.length = 0
    }
  })

  it('is refused where it would be sent compressed', async () => {
    const gzip = answer(200, { 'Content-Encoding': 'gzip', 'Content-Length': '1' }, 'x')
    server.answers.push(gzip, gzip)
    await assert.rejects(() => store.size(url), /Content-Encoding/)
    await assert.rejects(() => get(), /Content-Encoding/)
  })

  it('is asked for again when the server is overloaded', async () => {
    server.answers.push(answer(503), answer(429), (_incoming, outgoing) => outgoing.destroy())
    await assertGets()
    assert.equal(server.requests.length, 4)
  })

  it('is given up when nobody is there', async () => {
    const gone = await startFileServer()
    await gone.close()
    await assert.rejects(() => get(WHOLE, `${gone.url}/x`), /does not answer: .*ECONNREFUSED/)
  })

  it('is given up when the answer does not come', async () => {
    always(() => undefined)
    const impatient = storeWith({ attempts: 2, firstPause: 1, head: 50 })
    await assert.rejects(() => impatient.size(url), /does not answer: no answer within 0.05 s/)
    assert.equal(server.requests.length, 2)
  })
})

describe('a span of a file behind HTTP', () => {
  it('is read by one request, on a connection that was there before', async () => {
    const ports = new Set<number | undefined>()
    always((incoming, outgoing, file) => {
      ports.add(incoming.socket.remotePort)
      server.serve(incoming, outgoing, file)
    })
    for (let i = 0; i < 20; i++) await assertGets({ offset: i * 1000, length: 50_000 })
    assert.equal(server.requests[1], 'GET bytes=1000-50999')
    assert.equal(server.requests.length, 20)
    assert.ok(ports.size <= 3, `${ports.size} connections`)
  })

  it('from the first byte is had without ranges as well', async () => {
    const whole: Answer = (_incoming, outgoing) => void outgoing.writeHead(200).end(bytes)
    server.answers.push(whole, whole)
    await assertGets()
    await assertGets({ offset: 0, length: 70_000 })
  })

  it('from the middle is refused without ranges (400)', async () => {
    server.answers.push(answer(200, {}, 'x'))
    await assert.rejects(() => store.get(url, { offset: 5, length: 2 }), {
      code: 'invalid',
      message: 'Getting images randomly from this store is not supported. Offset: 5, length: 2',
    })
  })

  it('is refused where another one is sent', async () => {
    for (const [range, length] of [
      ['bytes 1-10/300000', '10'],
      ['bytes 0-8/300000', '9'],
      ['bytes 0-90/300000', '91'],
      ['bytes 0-9/300000', '9'],
      ['nonsense', '10'],
    ] as const) {
      const headers = { 'Content-Range': range, 'Content-Length': length }
      server.answers.push(answer(206, headers, 'x'.repeat(Number(length))))
      await assert.rejects(() => get({ offset: 0, length: 10 }), /wanted 10 bytes from 0/)
    }
    server.answers.push(answer(206, { 'Content-Type': 'multipart/byteranges' }, 'x'))
    await assert.rejects(() => get({ offset: 0, length: 10 }), /wanted 10 bytes from 0/)
    server.answers.push(answer(200, { 'Content-Length': '3' }, 'xyz'))
    await assert.rejects(() => get({ offset: 0, length: 10 }), /has only 3 bytes: wanted 10/)
  })

  it('goes on at the byte where its connection broke', async () => {
    const span = { offset: 1000, length: 200_000 }
    server.answers.push(cutAfter(50_000, hangUp), cutAfter(1, hangUp), cutAfter(9, hangUp))
    await assertGets(span)
    const last = 'bytes=' + '-200999'
    assert.equal(server.requests.length, 4)
    assert.equal(server.requests[0], `GET ${last.replace('-', '1000-')}`)
    // What has been sent need not have come.
    assert.match(server.requests[3] ?? '', /^GET bytes=\d+-200999$/)
  })

  it('goes on where its connection stood still', async () => {
    server.answers.push(cutAfter(10, () => undefined))
    const impatient = storeWith({ firstPause: 1, idle: 50 })
    const got = await read(await impatient.get(url, WHOLE))
    assert.ok(Buffer.compare(got, bytes) === 0)
    assert.deepEqual(server.requests, ['GET bytes=0-299999', 'GET bytes=10-299999'])
  })

  it('breaks when the connection breaks again and again', async () => {
    always(cutAfter(10, hangUp))
    await assert.rejects(() => get(), /broke off/)
    assert.equal(server.requests.length, FILE_PATIENCE.attempts)
  })

  it('breaks when the file has become another one meanwhile', async () => {
    server.answers.push((incoming, outgoing, file) => {
      cutAfter(10, hangUp)(incoming, outgoing, file)
      server.put(randomBytes(bytes.length), new URL(url).pathname)
    })
    await assert.rejects(() => get(), /has changed while it was read/)
  })

  it('breaks when the file has become another one and the server does not look at If-Range', async () => {
    const other = { ETag: '"other"' }
    server.answers.push(cutAfter(10, hangUp), cutAfter(bytes.length, hangUp, other))
    await assert.rejects(() => get(), /has changed while it was read/)
  })

  it('breaks when the connection breaks and nothing tells which file it was', async () => {
    server.answers.push(cutAfter(10, hangUp, { ETag: 'W/"weak"' }))
    await assert.rejects(() => get(), /broke off/)
    assert.equal(server.requests.length, 1)
  })

  it('breaks when the body is shorter than it was said to be', async () => {
    always(({ headers }, outgoing) => {
      const range = `${headers.range?.replace('=', ' ')}/300000`
      outgoing.writeHead(206, { 'Content-Range': range, ETag: '"x"' }).end('short')
    })
    await assert.rejects(() => get({ offset: 0, length: 30 }), /ended after 20 of 30 bytes/)
  })

  it('lets go of the connection when its reader leaves', async () => {
    let closed: Promise<unknown> | undefined
    server.answers.push((incoming, outgoing, file) => {
      closed = once(outgoing, 'close')
      cutAfter(10, () => undefined)(incoming, outgoing, file)
    })
    const reader = (await store.get(url, WHOLE))?.getReader()
    await reader?.read()
    await reader?.cancel()
    await closed
  })
})

describe('a redirect of a file behind HTTP', () => {
  it('is followed', async () => {
    const other = server.put(bytes)
    always((incoming, outgoing, file) => {
      if (server.url + incoming.url === other) server.serve(incoming, outgoing, file)
      else outgoing.writeHead(302, { Location: other }).end()
    })
    assert.equal(await store.size(url), bytes.length)
    await assertGets({ offset: 5, length: 1000 })
  })

  it('is refused to a host that is not allowed, and not tried again (400)', async () => {
    always(answer(302, { Location: 'http://169.254.169.254/latest/meta-data' }))
    await assert.rejects(() => get(), { code: 'invalid', message: /^Address is refused/ })
    assert.equal(server.requests.length, 1)
  })
})
