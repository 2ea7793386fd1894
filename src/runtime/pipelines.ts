import type { RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of all connections together that have been read and wait for their turn, a few kB each. */
const MOST_WAITING = 20_000

interface Connection {
  /** Whether one of its requests is being answered. */
  isBusy: boolean
  /** The requests that wait for the answers before theirs; the next one first. */
  line: (() => void)[]
}

/**
 * Answers the requests of each connection one after the other, in the order in which their answers have to be sent
 * (RFC 9112, section 9.3.2), so that none takes memory or opens a chunk before its turn. Meanwhile the connection is
 * not read. Where too many wait nevertheless, connections that send more are cut.
 */
export function answerInTurn(server: Server, answer: RequestListener): void {
  const connections = new WeakMap<Socket, Connection>()
  let waiting = 0

  server.on('connection', (socket: Socket) => {
    const line: Connection['line'] = []
    connections.set(socket, { isBusy: false, line })
    // Node resumes a connection by itself, such as when an answer is out.
    socket.on('resume', () => {
      if (line.length > 0) socket.pause()
    })
    socket.once('close', () => {
      waiting -= line.length
      line.length = 0
    })
  })

  function next(socket: Socket, connection: Connection): void {
    const begin = connection.line.shift()
    connection.isBusy = begin !== undefined
    if (!begin) return
    waiting--
    if (connection.line.length === 0) socket.resume()
    begin()
  }

  server.on('request', (incoming, outgoing) => {
    const { socket } = incoming
    const connection = connections.get(socket) ?? { isBusy: false, line: [] }
    const { line } = connection
    const begin = () => {
      connection.isBusy = true
      outgoing.once('close', () => {
        // Not at once, or a row of quick answers would keep all other connections from being read.
        if (line.length > 0) setImmediate(next, socket, connection)
        else connection.isBusy = false
      })
      answer(incoming, outgoing)
    }
    if (!connection.isBusy) return begin()
    if (waiting >= MOST_WAITING) return void socket.destroy()
    waiting++
    line.push(begin)
    socket.pause()
  })
}
