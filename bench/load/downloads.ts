/**
 * Clients that download whole files, as a process of its own. wrk reads 8 KiB at a time, which halves what nginx can
 * send; these read 256 KiB into a buffer that they use again.
 */
import { connect } from 'node:net'
import process from 'node:process'
import { downloadOptions, type DownloadReport } from '../downloads.ts'

const BUFFER = 256 * 1024

const options = downloadOptions.parse(JSON.parse(process.argv[2] ?? ''))
const { hostname, port, pathname } = new URL(options.url)
const status = options.spreadOver === undefined ? 200 : 206
const startedAt = performance.now()
const firstBytes: number[] = []
let bytes = 0
let running = options.clients

for (let client = 0; client < options.clients; client++) startClient(client)
if (options.seconds !== null) setTimeout(end, options.seconds * 1000)

function startClient(client: number): void {
  const request = requestOf(client)
  let askedAt = performance.now()
  let head = ''
  /** Bytes of the body that are still to come; null while the head is. */
  let left: number | null = null

  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: { buffer: Buffer.allocUnsafe(BUFFER), callback: take },
  })
  socket.on('error', fail)
  socket.on('close', () => {
    if (left !== 0) fail(new Error('the connection ended in the middle of an answer'))
  })
  socket.write(request)

  function take(length: number, buffer: Uint8Array): boolean {
    if (left !== null) return count(length)
    head += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return true
    left = lengthOf(head.slice(0, end))
    firstBytes.push(performance.now() - askedAt)
    return count(head.length - end - 4)
  }

  function count(length: number): boolean {
    bytes += length
    left = (left ?? 0) - length
    if (left > 0) return true
    if (left < 0) fail(new Error('more bytes came than were announced'))
    if (options.seconds === null) return finish()
    left = null
    head = ''
    askedAt = performance.now()
    socket.write(request)
    return true
  }

  function finish(): boolean {
    socket.destroy()
    if (--running === 0) end()
    return false
  }
}

function requestOf(client: number): string {
  const range =
    options.spreadOver === undefined
      ? []
      : [`Range: bytes=${Math.floor((options.spreadOver / options.clients) * client)}-`]
  const headers = Object.entries(options.headers).map(([name, value]) => `${name}: ${value}`)
  return [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    ...headers,
    ...range,
    '',
    '',
  ].join('\r\n')
}

function lengthOf(head: string): number {
  const [, found] = /^HTTP\/1\.1 (\d+)/.exec(head) ?? []
  if (Number(found) !== status) fail(new Error(`the answer is ${found}, wanted ${status}`))
  const [, length] = /^content-length: *(\d+)/im.exec(head) ?? []
  if (length === undefined) fail(new Error('the answer does not say how long it is'))
  return Number(length)
}

function end(): void {
  const report: DownloadReport = {
    bytes,
    seconds: (performance.now() - startedAt) / 1000,
    firstByte: Math.max(...firstBytes),
  }
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit())
}

function fail(error: Error): never {
  process.stderr.write(`A download failed: ${error.message}\n`)
  process.exit(1)
}
