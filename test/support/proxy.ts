/** A wire between two sites that counts what goes over it, and damages or cuts it when told to. */
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'

export type Proxy = Awaited<ReturnType<typeof startProxy>>

const CHUNK = /^\/mirror\/v1\/chunks\/([0-9a-f]{64})/

/** Passes requests on to `target`, which a test may change; without any it hangs up. */
export async function startProxy(target: string | null) {
  const proxy = {
    url: '',
    target,
    /** The answers with bytes of chunks: how many bytes went through until now. */
    chunks: [] as { digest: string; bytes: number }[],
    /** Called with each part of a chunk's body, which it may change. */
    touch: (_bytes: Buffer, _digest: string): void => undefined,
    chunkBytes: () => proxy.chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const server = createServer((incoming, outgoing) => {
    if (proxy.target === null) return incoming.socket.destroy()
    const { method, headers, url = '/' } = incoming
    const onward = request(`${proxy.target}${url}`, { method, headers, agent: false })
    onward.on('error', () => incoming.socket.destroy())
    onward.on('response', (answer) => void passOn(answer, outgoing, url))
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
    return undefined
  })

  async function passOn(answer: IncomingMessage, outgoing: ServerResponse, url: string) {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    const [, digest] = CHUNK.exec(url) ?? []
    const entry = { digest: digest ?? '', bytes: 0 }
    if (digest !== undefined && answer.statusCode === 200) {
      proxy.chunks.push(entry)
      answer.on('data', (bytes: Buffer) => {
        proxy.touch(bytes, digest)
        entry.bytes += bytes.length
      })
    }
    // Either side may hang up at any time; that is the other one's to notice.
    await pipeline(answer, outgoing).catch(() => outgoing.destroy())
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  proxy.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return proxy
}
