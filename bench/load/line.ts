/** A connection over which requests are made one after the other, for less than `node:http` costs. */
import { connect } from 'node:net'

export interface Line {
  /** The body of the answer; throws unless that is [200]. */
  ask: (path: string) => Promise<string>
  close: () => void
}

interface Waiting {
  resolve: (body: string) => void
  reject: (error: Error) => void
}

export function openLine(url: string, headers: Record<string, string>): Line {
  const { hostname, port, host } = new URL(url)
  const fields = Object.entries({ Host: host, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  let received = ''
  let waiting: Waiting | null = null

  function settle(act: (it: Waiting) => void): void {
    const it = waiting
    waiting = null
    received = ''
    if (it) act(it)
  }

  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = received.slice(0, end)
    const [, length] = /^content-length: *(\d+)/im.exec(head) ?? []
    const body = received.slice(end + 4)
    if (length === undefined) {
      settle(({ reject }) => reject(new Error(`An answer has no length: ${head}`)))
    } else if (body.length >= Number(length)) {
      settle(({ resolve, reject }) =>
        head.startsWith('HTTP/1.1 200') ? resolve(body) : reject(new Error(head)),
      )
    }
  })
  socket.on('error', (error) => settle(({ reject }) => reject(error)))
  socket.on('close', () => settle(({ reject }) => reject(new Error('The connection has ended'))))

  return {
    ask: (path) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(`GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`)
      }),
    close: () => socket.destroy(),
  }
}
