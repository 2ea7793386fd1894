import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** How long the rest of a refused body is taken in before the connection is cut. */
const REFUSED_MS = 60_000
/** The same for one that has been read in part, and given up. */
const GIVEN_UP_MS = 5_000

/**
 * For a request that expects 100 (Continue): its body is asked for when it is first read, so that a refused one is
 * never sent. https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 */
export function continueWhenRead(
  this: Server,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  incoming.once('resume', () => {
    if (!outgoing.headersSent) outgoing.writeContinue()
  })
  this.emit('request', incoming, outgoing)
}

/** What becomes of a body that is still coming in when the answer goes out. */
export function endUnreadBody(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (incoming.complete) return
  const wasTaken = incoming.readableFlowing !== null
  if (wasTaken || incoming.headers.expect !== undefined) return closeAfter(incoming, outgoing)
  // Node itself reads on after the answer.
  outgoing.on('finish', () => {
    setTimeout(() => incoming.complete || incoming.destroy(), REFUSED_MS).unref()
  })
}

/** Cut at once, the connection would take the answer with it from a client that is still sending. */
function closeAfter(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { socket } = incoming
  outgoing.shouldKeepAlive = false
  // What Node calls when the last answer of a connection is out.
  socket.destroySoon = () => {
    socket.end()
    incoming.removeAllListeners('data').resume()
    setTimeout(() => socket.destroy(), GIVEN_UP_MS).unref()
  }
}
