import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { answerWithin, type Limit } from '../../src/http/deadline.ts'
import { keepCollecting } from '../support/garbage.ts'

const LATE = { name: 'TimeoutError' }

describe('an answer that has a deadline', () => {
  let server: Server
  let url: string
  let answer: (outgoing: ServerResponse) => void
  let hungUp: Promise<unknown>

  before(async () => {
    server = createServer((_incoming, outgoing) => {
      hungUp = once(outgoing, 'close')
      answer(outgoing)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  })

  after(() => {
    server.closeAllConnections()
    server.close()
  })

  // Node 20 loses the signals of requests that refuse redirects, of all things.
  const ask = (limit: Limit, signal?: AbortSignal) =>
    answerWithin(limit, (stop) => fetch(url, { signal: stop, redirect: 'error' }), signal)

  const read = async (limit: Limit, signal?: AbortSignal) => (await ask(limit, signal)).text()

  /** A part every 50 ms. */
  function drip(parts: number) {
    return async (outgoing: ServerResponse) => {
      for (let i = 0; i < parts && !outgoing.destroyed; i++) {
        outgoing.write('x')
        await setTimeout(50)
      }
      outgoing.end()
    }
  }

  async function whileCollecting(test: () => Promise<void>): Promise<void> {
    const stopCollecting = keepCollecting()
    await test().finally(stopCollecting)
  }

  const hang = (outgoing: ServerResponse) => void outgoing.write('x')

  it('is given up when its head does not come', async () => {
    await whileCollecting(async () => {
      answer = () => undefined
      await assert.rejects(read({ total: 200 }), LATE)
      await hungUp
      await assert.rejects(read({ head: 200, idle: 60_000 }), LATE)
      await hungUp
    })
  })

  it('is given up when its body stops', async () => {
    await whileCollecting(async () => {
      answer = hang
      await assert.rejects(read({ total: 200 }), LATE)
      await hungUp
      await assert.rejects(read({ head: 60_000, idle: 200 }), LATE)
      await hungUp
    })
  })

  it('may be slow where only silence counts', async () => {
    answer = drip(20)
    assert.equal(await read({ head: 5_000, idle: 500 }), 'x'.repeat(20))
  })

  it('is given up where too little of it comes, however steadily', async () => {
    answer = drip(100)
    const reading = read({ head: 5_000, idle: 300, least: 1_000 })
    await assert.rejects(reading, /only \d bytes came in 0\.3 s, wanted 1000$/)
    await hungUp
  })

  it('may take any time where enough of it comes', async () => {
    answer = drip(30)
    assert.equal(await read({ head: 5_000, idle: 500, least: 3 }), 'x'.repeat(30))
  })

  it('is not too slow for a reader who takes his time between its parts', async () => {
    answer = (outgoing) => outgoing.end('x'.repeat(200_000))
    const response = await ask({ head: 5_000, idle: 300, least: 1_000_000 })
    let length = 0
    for await (const part of response.body ?? []) {
      length += part.length
      await setTimeout(150)
    }
    assert.equal(length, 200_000)
  })

  it('has all its time for the body, however long its head took', async () => {
    answer = async (outgoing) => {
      await setTimeout(400)
      outgoing.flushHeaders()
      await setTimeout(300)
      outgoing.end('x')
    }
    assert.equal(await read({ head: 5_000, idle: 500 }), 'x')
  })

  it('is given up when its head comes byte by byte', async () => {
    const endless = createSocketServer((socket) => {
      const timer = setInterval(() => socket.write('x'), 20)
      socket.write('HTTP/1.1 200 OK\r\nX-Header: ')
      socket.on('error', () => undefined).on('close', () => clearInterval(timer))
    })
    endless.listen(0, '127.0.0.1')
    await once(endless, 'listening')
    const address = endless.address()
    const at = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const asking = answerWithin({ head: 300, idle: 60_000 }, (signal) => fetch(at, { signal }))
    await assert.rejects(asking, /no answer within 0\.3 s$/)
    endless.close()
  })

  it('is given up, however steady, where the whole of it has a limit', async () => {
    answer = drip(100)
    await assert.rejects(read({ total: 200 }), LATE)
    await hungUp
  })

  it('waits for a reader who takes his time', async () => {
    answer = drip(2)
    const response = await ask({ head: 5_000, idle: 500 })
    await setTimeout(1_000)
    assert.equal(await response.text(), 'xx')
  })

  it('ends when whoever asked leaves, also in the middle of the body', async () => {
    const stop = new AbortController()
    answer = hang
    await whileCollecting(async () => {
      const reading = read({ head: 60_000, idle: 60_000 }, stop.signal)
      await setTimeout(200)
      stop.abort()
      await assert.rejects(reading, { name: 'AbortError' })
      await hungUp
    })
    await assert.rejects(read({ total: 60_000 }, stop.signal), { name: 'AbortError' })
  })

  it('is cancelled with its reader', async () => {
    answer = hang
    const response = await ask({ total: 60_000 })
    await response.body?.cancel()
    await hungUp
  })

  it('keeps its status and headers, and may have no body', async () => {
    answer = (outgoing) => outgoing.writeHead(418, { 'X-Kind': 'pot' }).end('tea')
    const response = await ask({ total: 60_000 })
    assert.deepEqual([response.status, response.headers.get('X-Kind')], [418, 'pot'])
    assert.equal(await response.text(), 'tea')
    answer = (outgoing) => outgoing.writeHead(204).end()
    assert.equal((await ask({ total: 60_000 })).status, 204)
  })

  it('tells of a connection that breaks', async () => {
    answer = (outgoing) => {
      hang(outgoing)
      outgoing.destroy()
    }
    await assert.rejects(read({ head: 60_000, idle: 60_000 }), TypeError)
  })
})
