import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { receivedWithin } from '../../src/http/deadline.ts'
import { createUpstreamSites } from '../../src/mirror/upstream/sites.ts'
import { createDirectGet } from '../../src/runtime/direct-get.ts'

const BODY = 'the bytes of a chunk'
const PLAIN = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
const HEADERS = { Authorization: 'Bearer secret' }

let server: Server
let url: string
/** What the server does with each request. */
let answer: (socket: Socket, request: string) => unknown
let connections = 0
let requests: string[] = []

before(async () => {
  server = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      requests.push(bytes.toString())
      answer(socket, bytes.toString())
    })
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  connections = 0
  requests = []
})
after(() => server.close())

const says = (text: string) => {
  answer = (socket) => socket.write(text)
}

/** The answer, with its bytes as a text. */
async function ask(get = createDirectGet(), memory = new Uint8Array(64)) {
  const limit = { head: 1_000, idle: 200 }
  const found = await receivedWithin(limit, (progress) =>
    get(`${url}/path?query`, { headers: HEADERS, memory, progress }),
  )
  return found && { ...found, bytes: found.bytes && Buffer.from(found.bytes).toString() }
}

const WHOLE = { status: 200, bytes: BODY }

describe('a GET straight into memory', () => {
  it('has the bytes there, and asks as it is told to', async () => {
    says(PLAIN)
    const memory = new Uint8Array(64)
    assert.deepEqual(await ask(createDirectGet(), memory), WHOLE)
    assert.equal(Buffer.from(memory).toString('latin1', 0, BODY.length), BODY)
    assert.match(requests[0] ?? '', /^GET \/path\?query HTTP\/1\.1\r\n/)
    assert.match(requests[0] ?? '', /\r\nauthorization: Bearer secret\r\n/i)
    assert.match(requests[0] ?? '', /\r\nhost: 127\.0\.0\.1:\d+\r\n/i)
  })

  it('may come byte by byte', async () => {
    answer = async (socket) => {
      socket.setNoDelay()
      for (const byte of PLAIN) {
        socket.write(byte)
        await setTimeout(1)
      }
    }
    assert.deepEqual(await ask(), WHOLE)
  })

  it('uses its connection again, and not where the other side closes it', async () => {
    says(PLAIN)
    const get = createDirectGet()
    assert.deepEqual([await ask(get), await ask(get)], [WHOLE, WHOLE])
    assert.equal(connections, 1)
    says(PLAIN.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    assert.deepEqual([await ask(get), await ask(get)], [WHOLE, WHOLE])
    assert.equal(connections, 2)
  })

  it('has its own connection while another one is under way', async () => {
    answer = (socket) => setTimeout(50).then(() => socket.write(PLAIN))
    const get = createDirectGet()
    assert.deepEqual(await Promise.all([ask(get), ask(get)]), [WHOLE, WHOLE])
    assert.equal(connections, 2)
  })

  it('does not use a connection on which more comes than was asked for', async () => {
    const get = createDirectGet()
    answer = async (socket) => {
      socket.write(PLAIN)
      await setTimeout(20)
      socket.write(PLAIN.replace('chunk', 'other'))
    }
    assert.deepEqual(await ask(get), WHOLE)
    await setTimeout(60)
    says(PLAIN)
    assert.deepEqual(await ask(get), WHOLE)
    assert.equal(connections, 2)
  })

  it('reads neither what is refused [404] nor what has no room', async () => {
    says('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone')
    assert.deepEqual(await ask(), { status: 404, bytes: null })
    says(PLAIN)
    assert.deepEqual(await ask(createDirectGet(), new Uint8Array(8)), { status: 200, bytes: null })
  })

  it('leaves to others what is not plain', async () => {
    const heads = [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n folded\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\n\r\n',
      'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n',
      'SSH-2.0-OpenSSH_9.9\r\n\r\n',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
    ]
    for (const head of heads) {
      says(head)
      assert.equal(await ask(), null, head.slice(0, 80))
    }
  })

  it('fails where the other side hangs up, before the answer or within it', async () => {
    answer = (socket) => socket.destroy()
    await assert.rejects(ask(), TypeError)
    answer = (socket) => socket.end(PLAIN.slice(0, -1))
    await assert.rejects(ask(), TypeError)
  })

  it('is given up where nothing more comes', async () => {
    says(PLAIN.slice(0, -1))
    await assert.rejects(ask(), /nothing came for 0\.2 s$/)
    says('')
    await assert.rejects(ask(), /no answer within 1 s$/)
  })
})

describe('bytes of an upstream that does not answer plainly', () => {
  it('are asked for by fetch, for a while at once', async () => {
    const sites = createUpstreamSites({ urls: [url], token: null, direct: createDirectGet() })
    const question = {
      path: 'chunks/x',
      memory: new Uint8Array(64),
      use: async (bytes: Uint8Array) => Buffer.from(bytes).toString(),
      options: { limit: { head: 1_000, idle: 200 } },
    }
    says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n')
    assert.equal(await sites.askBytes(question), 'bytes')
    assert.equal(requests.length, 2)
    assert.equal(await sites.askBytes(question), 'bytes')
    assert.equal(requests.length, 3)
  })
})
