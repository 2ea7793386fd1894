import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (incoming: IncomingMessage, outgoing: ServerResponse, bytes: Buffer) => void

export interface FileServer {
  readonly url: string
  /** Its requests, each as `GET bytes=0-9`. */
  readonly requests: string[]
  /** What takes the next requests, one each; files are served after them. */
  readonly answers: Answer[]
  /** Serves a file under a path of its own, or in the place of another. */
  put(bytes: Uint8Array, path?: string): string
  /** Has a file always served so. */
  handle(url: string, answer: Answer): void
  /** The file as a well-behaved server sends it. */
  readonly serve: Answer
  close(): Promise<void>
}

/** A small server of files with HEAD, Range, If-Range and strong ETags, which misbehaves as a test wants. */
export async function startFileServer(): Promise<FileServer> {
  const files = new Map<string, Buffer>()
  const requests: string[] = []
  const answers: Answer[] = []
  const handlers = new Map<string, Answer>()
  const server = createServer((incoming, outgoing) => {
    requests.push([incoming.method, incoming.headers.range].filter(Boolean).join(' '))
    const path = new URL(incoming.url ?? '', 'http://host').pathname
    const bytes = files.get(path)
    const answer = answers.shift() ?? handlers.get(path) ?? serve
    if (bytes) answer(incoming, outgoing, bytes)
    else outgoing.writeHead(404).end('absent')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    requests,
    answers,
    serve,
    handle: (file, answer) => void handlers.set(new URL(file).pathname, answer),
    put(bytes, path = `/${files.size}`) {
      files.set(path, Buffer.from(bytes))
      return url + path
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}

function serve(
  { method, headers }: IncomingMessage,
  outgoing: ServerResponse,
  bytes: Buffer,
): void {
  const etag = etagOf(bytes)
  const send = (status: number, body: Buffer, more: Record<string, string>) => {
    const length = { 'Content-Length': String(body.length) }
    outgoing.writeHead(status, { ETag: etag, ...length, ...more })
    outgoing.end(method === 'HEAD' ? undefined : body)
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (from === undefined || (headers['if-range'] ?? etag) !== etag) return send(200, bytes, {})
  const first = Number(from)
  const last = Math.min(to ? Number(to) : Infinity, bytes.length - 1)
  if (first > last)
    return send(416, Buffer.alloc(0), { 'Content-Range': `bytes */${bytes.length}` })
  const range = { 'Content-Range': `bytes ${first}-${last}/${bytes.length}` }
  send(206, bytes.subarray(first, last + 1), range)
}
