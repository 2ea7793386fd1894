/** What stands before a store: a wire that counts what comes through it, and that can be cut or go silent. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type Wire = Awaited<ReturnType<typeof startWire>>

/** Passes connections on to the origin of a URL. */
export async function startWire(target: string) {
  const { hostname, port } = new URL(target)
  const ends = new Map<Socket, Socket>()
  let state: 'open' | 'cut' | 'silent' = 'open'

  function flow(from: Socket, to: Socket): void {
    if (state === 'open') from.pipe(to)
    else from.unpipe(to).pause()
  }

  function join(from: Socket, to: Socket): void {
    ends.set(from, to)
    from.on('error', () => undefined)
    from.on('close', () => {
      ends.delete(from)
      to.destroy()
    })
    flow(from, to)
  }

  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy()
      return
    }
    const far = connect(Number(port), hostname)
    join(near, far)
    join(far, near)
    far.on('data', (bytes: Buffer) => {
      wire.received += bytes.length
    })
  })

  const wire = {
    url: '',
    /** Bytes that have come from the store. */
    received: 0,
    /** Connections end, new ones too. Not by a reset: Node 20 may then spin for ever at its own end. */
    cut() {
      state = 'cut'
      for (const socket of ends.keys()) socket.destroy()
    },
    /** Connections stay and new ones are taken, but no byte goes through. */
    silence() {
      state = 'silent'
      for (const [from, to] of ends) flow(from, to)
    },
    /** As before. */
    mend() {
      const wasSilent = state === 'silent'
      state = 'open'
      if (wasSilent) for (const [from, to] of ends) flow(from, to)
    },
    async close() {
      wire.cut()
      server.close()
      await once(server, 'close')
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  wire.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return wire
}
