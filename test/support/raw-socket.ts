import { once } from 'node:events'
import { connect } from 'node:net'

const PATIENCE_MS = 15_000

/** A connection on which a test writes requests by itself. */
export async function openSocket(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => (received += text))
  // A server may cut the connection while the test still sends.
  socket.on('error', () => undefined)
  const next = (event: string) => once(socket, event, { signal: AbortSignal.timeout(PATIENCE_MS) })

  return {
    port: socket.localPort ?? 0,
    write: (bytes: string | Uint8Array) => socket.write(bytes),
    /** Waits for the text in what has been received. */
    async until(text: string): Promise<string> {
      while (!received.includes(text)) await next('data')
      return received
    },
    /** All that was received until the server closed its side. */
    async whole(): Promise<string> {
      if (!socket.readableEnded) await next('end')
      return received
    },
    close: () => socket.destroy(),
  }
}

/** What a server answers to these bytes before it closes the connection. */
export async function exchange(url: string, bytes: string | Uint8Array): Promise<string> {
  const socket = await openSocket(url)
  socket.write(bytes)
  const answer = await socket.whole()
  socket.close()
  return answer
}
