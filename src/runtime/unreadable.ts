import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorBody, reasonPhrase } from '../http/error-body.ts'

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
}

/** How long the client may take to read the answer, and to stop sending. */
const LINGER_MS = 5_000

type Unreadable = Error & { code?: string; reason?: string }

/** Answers in words what Node cannot read as a request. */
export function answerUnreadable(server: Server): void {
  const latest = new WeakMap<Duplex, ServerResponse>()
  server.on('request', ({ socket }, outgoing) => latest.set(socket, outgoing))
  server.on('clientError', (error: Unreadable, socket: Duplex) => {
    if (socket.writableEnded) return
    const isAnswering = latest.get(socket)?.writableFinished === false
    // The text would look like a part of the answer that is being sent.
    if (isAnswering || !socket.writable) return void socket.destroy()
    socket.end(answerTo(error))
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  })
}

function answerTo({ code, reason, message }: Unreadable): string {
  const status = STATUS_BY_CODE[code ?? ''] ?? 400
  const title = reasonPhrase(status)
  const detail = `The request cannot be read: ${reason ?? message}`
  const { contentType, body } = errorBody('text', status, title, detail)
  const length = Buffer.byteLength(body)
  const headers = `Content-Type: ${contentType}\r\nContent-Length: ${length}\r\nConnection: close`
  return `HTTP/1.1 ${status} ${title}\r\n${headers}\r\n\r\n${body}`
}
