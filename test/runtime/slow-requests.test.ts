import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import { after, afterEach, before, describe, it, mock } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { type RunningServer, serveOnNode } from '../../src/runtime/node.ts'
import { exchange, openSocket } from '../support/raw-socket.ts'
import { temporaryFolder } from '../support/site.ts'

const MINUTE = 60_000
const HEALTH = 'GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningServer

before(async () => {
  folder = await temporaryFolder()
  const { config } = loadConfig({
    DEFAULT: { bind_port: '0' },
    heliostat: { data_dir: folder.path },
  })
  server = await serveOnNode(config)
})
after(async () => {
  await server.close()
  await folder.remove()
})
afterEach(() => mock.timers.reset())

/** Sends a request of whose body a part never comes. */
async function sendPart(method: string, path: string, framing = 'Content-Length: 100') {
  const socket = await openSocket(server.url)
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`)
  socket.write(framing === 'Content-Length: 100' ? '{"name":' : '8\r\n{"name":\r\n')
  // Once others are answered the server has seen it too.
  await exchange(server.url, HEALTH)
  return socket
}

/** A minute of silence, in no time. */
function passMinute(): void {
  mock.timers.tick(MINUTE)
}

describe('a JSON body that never ends', () => {
  it('is given up after a minute, and its connection with it (408)', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const socket = await sendPart('POST', '/v2/images')
    passMinute()
    const answer = await socket.whole()
    assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n[^]*connection: close\r\n/i)
    assert.match(answer, /Request body has not come within 60 seconds/)
    socket.close()
  })

  it('is given up when it drips in chunks, too (408)', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const socket = await sendPart('POST', '/v2/images', 'Transfer-Encoding: chunked')
    mock.timers.tick(MINUTE / 2)
    socket.write('2\r\n  \r\n')
    await exchange(server.url, HEALTH)
    mock.timers.tick(MINUTE / 2)
    assert.match(await socket.whole(), /^HTTP\/1\.1 408 Request Timeout\r\n/)
    socket.close()
  })
})

describe('a body that never ends where none is wanted', () => {
  it('keeps its connection for a minute after the answer only (200, 400, 404, 405)', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const requests: [method: string, path: string, status: number][] = [
      ['GET', '/healthcheck', 200],
      ['GET', '/v2/images', 200],
      ['DELETE', '/v2/images/nobody', 400],
      ['POST', '/v2/nowhere', 404],
      ['PUT', '/v2/images', 405],
    ]
    for (const [method, path, status] of requests) {
      const socket = await sendPart(method, path)
      assert.match(await socket.until('\r\n\r\n'), new RegExp(`^HTTP/1\\.1 ${status} `))
      passMinute()
      await socket.whole()
      socket.close()
    }
  })
})

describe('headers', () => {
  it('have a minute to arrive, while bodies of images have no end', async () => {
    const servers: Server[] = []
    const note = (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('server' in message)) return
      if (message.server instanceof Server) servers.push(message.server)
    }
    subscribe('http.server.request.start', note)
    await exchange(server.url, HEALTH)
    unsubscribe('http.server.request.start', note)
    const [serving] = servers
    assert.equal(serving?.headersTimeout, MINUTE)
    assert.equal(serving?.requestTimeout, 0)
  })
})
