import type { Server } from 'node:http'
import type { Socket } from 'node:net'

export interface Connections {
  /** Closes the connections without a running request at once, and each other one after its answer. */
  closeWhenIdle(): void
}

/**
 * Knows which connections of a server are idle. `closeIdleConnections` leaves those alone that have not sent
 * anything yet, and those that become idle later stay open for as long as their clients like.
 */
export function trackConnections(server: Server): Connections {
  const idle = new Set<Socket>()
  let closing = false

  server.on('connection', (socket: Socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', (incoming, outgoing) => {
    const { socket } = incoming
    idle.delete(socket)
    outgoing.once('close', () => {
      if (!socket.destroyed) idle.add(socket)
      // The client may still be sending a body that was refused, and read the answer only then.
      if (closing && incoming.complete) socket.destroy()
    })
  })

  return {
    closeWhenIdle() {
      closing = true
      for (const socket of idle) socket.destroy()
    },
  }
}
