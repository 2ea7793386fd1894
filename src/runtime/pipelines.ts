import type { RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of all connections together that have been read and wait for their turn, a few kB each. */
const MOST_WAITING = 20_000

/** The requests of a connection that wait for the answers before theirs; the next one first. */
type Line = (() => void)[]

/**
 * Answers the requests of each connection one after the other, in the order in which their answers have to be sent
 * (RFC 9112, section 9.3.2), so that none takes memory or opens a chunk before its turn. Meanwhile the connection is
 * not read. Where too many wait nevertheless, connections that send more are cut.
 */
export function answerInTurn(server: Server, answer: RequestListener): void {
  const lines = new WeakMap<Socket, Line>()
  let waiting = 0

  server.on('connection', (socket: Socket) => {
    const line: Line = []
    lines.set(socket, line)
    // Node resumes a connection by itself, such as when an answer is out.
    socket.on('resume', () => {
      if (line.length > 0) socket.pause()
    })
    socket.once('close', () => {
      waiting -= line.length
      line.length = 0
    })
  })

  function next(socket: Socket, line: Line): void {
    const begin = line.shift()
    if (!begin) return void answering.delete(socket)
    waiting--
    if (line.length === 0) socket.resume()
    begin()
  }

  const answering = new WeakSet<Socket>()
  server.on('request', (incoming, outgoing) => {
    const { socket } = incoming
    const line = lines.get(socket) ?? []
    const begin = () => {
      answering.add(socket)
      outgoing.once('close', () => {
        // Not at once, or a row of quick answers would keep all other connections from being read.
        if (line.length > 0) return void setImmediate(next, socket, line)
        answering.delete(socket)
      })
      answer(incoming, outgoing)
    }
    if (!answering.has(socket)) return begin()
    if (waiting >= MOST_WAITING) return void socket.destroy()
    waiting++
    line.push(begin)
    socket.pause()
  })
}
