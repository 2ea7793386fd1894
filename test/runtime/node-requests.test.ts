import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { createRaw, show, upload } from '../faults/data.ts'
import { bytesOf, OCTETS, UNKNOWN_ID } from '../support/images.ts'
import type { RunningProcess } from '../support/process.ts'
import { exchange, openSocket } from '../support/raw-socket.ts'
import { startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const MIB = 1 << 20

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningProcess

before(async () => {
  folder = await temporaryFolder()
  server = await startOnNode(folder.path)
})

after(async () => {
  await server.stop()
  await folder.remove()
})

/** The head of an upload. */
function uploadOf(id: string, size: number, headers: Record<string, string> = {}): string {
  const all = { Host: 'x', ...OCTETS, ...headers }
  const lines = Object.entries({ ...all, 'Content-Length': String(size) })
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `PUT /v2/images/${id}/file HTTP/1.1\r\n${fields}\r\n`
}

async function createActive(): Promise<string> {
  const id = await createRaw(server.url)
  assert.equal((await upload(server.url, id, bytesOf('data'))).status, 204)
  return id
}

describe('an upload that expects 100-continue', () => {
  const expecting = { Expect: '100-continue' }
  const ask = (id: string, headers = {}) =>
    exchange(server.url, uploadOf(id, 200 * MIB, { ...expecting, ...headers }))

  it('is asked for its body once all else is right (100, 204)', async () => {
    const id = await createRaw(server.url)
    const socket = await openSocket(server.url)
    socket.write(uploadOf(id, 5, expecting))
    assert.equal(await socket.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('hello')
    assert.match(await socket.until('HTTP/1.1 204'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP/)
    socket.close()
    assert.equal((await show(server.url, id)).status, 'active')
  })

  it('is not asked for a body of another type (415)', async () => {
    const id = await createRaw(server.url)
    const answer = await ask(id, { 'Content-Type': 'text/plain' })
    assert.match(answer, /^HTTP\/1\.1 415 [^]*\r\nConnection: close\r\n/)
  })

  it('is not asked for the body of no image (404)', async () => {
    const answer = await ask(UNKNOWN_ID)
    assert.match(answer, /^HTTP\/1\.1 404 [^]*\r\nConnection: close\r\n/)
  })

  it('is not asked for data that the image has already (409)', async () => {
    const answer = await ask(await createActive())
    assert.match(answer, /^HTTP\/1\.1 409 [^]*\r\nConnection: close\r\n/)
  })

  it('is not asked for more than an image may have (413)', async () => {
    const id = await createRaw(server.url)
    const answer = await ask(id, { 'X-Openstack-Image-Size': String(2 ** 41) })
    assert.match(answer, /^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n/)
    assert.equal((await show(server.url, id)).status, 'queued')
  })

  it('hears the answer also when it has not waited (409)', async () => {
    const socket = await openSocket(server.url)
    socket.write(uploadOf(await createActive(), 32 * MIB, expecting))
    for (let sent = 0; sent < 32; sent++) socket.write(new Uint8Array(MIB))
    assert.match(await socket.whole(), /^HTTP\/1\.1 409 /)
    socket.close()
  })
})

describe('a refused upload', () => {
  it('is heard by a client that reads nothing before it has sent 32 MiB (409)', async () => {
    const socket = await openSocket(server.url)
    socket.write(uploadOf(await createActive(), 32 * MIB))
    for (let sent = 0; sent < 32; sent++) socket.write(new Uint8Array(MIB))
    assert.match(await socket.until('\r\n\r\n'), /^HTTP\/1\.1 409 [^]*\r\nConnection: keep-alive/)
    socket.close()
  })

  it('is answered before its end when it is larger than 64 MiB (409)', async () => {
    const socket = await openSocket(server.url)
    socket.write(uploadOf(await createActive(), 2 ** 40))
    for (let sent = 0; sent < 66; sent++) socket.write(new Uint8Array(MIB))
    assert.match(await socket.whole(), /^HTTP\/1\.1 409 [^]*\r\nConnection: close\r\n/)
    socket.close()
  })
})

describe('a request without a host', () => {
  it('is served when it is one of HTTP/1.0, as health checks send it (200)', async () => {
    assert.match(await exchange(server.url, 'GET /healthcheck HTTP/1.0\r\n\r\n'), /200 OK[^]*OK$/)
    const versions = await exchange(server.url, 'OPTIONS / HTTP/1.0\r\n\r\n')
    assert.match(versions, /^HTTP\/1\.1 300 [^]*"http:\/\/localhost\/v2\/"/)
  })

  it('is refused when it is one of HTTP/1.1 (400)', async () => {
    const answer = await exchange(server.url, 'GET /healthcheck HTTP/1.1\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 400 /)
  })
})

describe('what is no request', () => {
  const refusal = (status: string, reason: string) =>
    new RegExp(`^HTTP/1\\.1 ${status}\r\n[^]*Connection: close\r\n\r\n${status}\n\n.*: ${reason}\n`)

  it('is told that its method is none (400)', async () => {
    const answer = await exchange(server.url, 'FROB / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(answer, refusal('400 Bad Request', 'Invalid method encountered'))
  })

  it('is told so on a connection that has had answers before (400)', async () => {
    const socket = await openSocket(server.url)
    socket.write('GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n')
    await socket.until('OK')
    socket.write('FROB / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(await socket.whole(), /: Invalid method encountered\n/)
    socket.close()
  })

  it('is told that its path is no ASCII (400)', async () => {
    const answer = await exchange(server.url, bytesOf('GET /ü HTTP/1.1\r\nHost: x\r\n\r\n'))
    assert.match(answer, refusal('400 Bad Request', 'Invalid char in url path'))
  })

  it('is told that its headers are too long (431)', async () => {
    const long = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(200_000)}\r\n\r\n`
    const answer = await exchange(server.url, long)
    assert.match(answer, refusal('431 Request Header Fields Too Large', 'Header overflow'))
  })
})

describe('a silent connection', { skip: process.platform !== 'linux' && 'only on Linux' }, () => {
  it('is probed by the kernel, so that a vanished client is noticed', async () => {
    const socket = await openSocket(server.url)
    socket.write('GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n')
    await socket.until('OK')
    const hex = (port: string | number) => Number(port).toString(16).toUpperCase().padStart(4, '0')
    const { port } = new URL(server.url)
    const ends = new RegExp(`:${hex(port)} [0-9A-F]+:${hex(socket.port)} 01 \\S+ (\\d\\d):`)
    const [, timer] = ends.exec(await readFile('/proc/net/tcp', 'utf8')) ?? []
    // https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
    assert.equal(timer, '02')
    socket.close()
  })
})

describe('requests that are sent at once on one connection', () => {
  it('are answered in their order, uploads among them (204, 200, 404)', async () => {
    const id = await createRaw(server.url)
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const last = `GET /v2/images/${UNKNOWN_ID} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const answers = await exchange(
      server.url,
      `${uploadOf(id, 5)}hello${get(`/v2/images/${id}/file`)}${get('/healthcheck')}${last}`,
    )
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    assert.deepEqual(statuses, ['204', '200', '200', '404'])
    assert.match(answers, /\r\n\r\nhelloHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nOKHTTP/)
  })

  it('are read on after the answers before have been taken', async () => {
    const many = 3_000
    const socket = await openSocket(server.url)
    socket.write('GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(many))
    socket.write('GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answers = await socket.whole()
    assert.equal(answers.split('HTTP/1.1 200').length - 1, many + 1)
  })

  it('do not keep a server from stopping', async () => {
    const other = await startOnNode(folder.path)
    const id = await createActive()
    const socket = await openSocket(other.url)
    socket.write(`GET /v2/images/${id}/file HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(100))
    await socket.until('200')
    assert.equal(await other.stop(), 0)
    socket.close()
  })
})
