/** Bodies on their way from files of chunks to a socket. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, afterEach, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createOpenFiles } from '../../src/blobs/fs/open-files.ts'
import type { ReadAt } from '../../src/blobs/local/store.ts'
import { createSocketBodies } from '../../src/runtime/socket-bodies.ts'
import { MIB } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const CHUNK = 4 * MIB
const SIZE = 3 * CHUNK + 1234
/** The second one is of zeros. */
const CHUNKS = ['first', null, 'third', 'last']

const bytes = randomData(SIZE).fill(0, CHUNK, 2 * CHUNK)

describe('a body that is sent to a socket', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let files: ReturnType<typeof createOpenFiles>
  let server: Server
  let port: number
  /** Called when bytes of a chunk have been read. */
  let wasRead: () => void
  /** The bytes that went out of each body, in the order in which they ended. */
  let sent: number[]

  before(async () => {
    folder = await temporaryFolder()
  })
  after(() => folder.remove())

  beforeEach(async () => {
    for (const [index, name] of CHUNKS.entries()) {
      const part = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
      if (name !== null) await writeFile(join(folder.path, name), part)
    }
    files = createOpenFiles(8)
    sent = []
    wasRead = () => undefined
    const openChunk = async (name: string) => {
      const chunk = await files.acquire(join(folder.path, name))
      const read: ReadAt = async (buffer, position) => {
        const bytesRead = await chunk?.read(buffer, position)
        wasRead()
        return bytesRead ?? 0
      }
      return chunk && { ...chunk, read }
    }
    const bodies = createSocketBodies({ openChunk })
    server = createServer(async ({ url }, outgoing) => {
      const [offset = 0, length = SIZE] = url?.slice(1).split('-').filter(Boolean).map(Number) ?? []
      const content = { size: SIZE, chunkSize: CHUNK, chunks: CHUNKS }
      const opened = await bodies.open(content, { offset, length })
      assert.ok(opened)
      const response = new Response(null, { headers: { 'Content-Length': `${length}` } })
      opened.attach(response)
      assert.ok(bodies.send(response, outgoing))
      sent.push(await opened.sent)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    server.close()
    server.closeAllConnections()
    files.close()
  })

  async function get(path: string): Promise<Buffer> {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`)
    return Buffer.from(await response.arrayBuffer())
  }

  const untilEnded = (count: number) =>
    eventually('they have ended', 5_000, () => (sent.length === count ? true : null))

  it('has every byte in its place', async () => {
    assert.deepEqual(await get(''), bytes)
    const ranges = [
      [1, SIZE - 1],
      [CHUNK - 100_000, 200_000],
      [2 * CHUNK + 77, CHUNK],
      [3 * CHUNK - 90_000, 90_001],
    ]
    for (const [offset = 0, length = 0] of ranges) {
      const found = await get(`${offset}-${length}`)
      assert.ok(found.equals(bytes.subarray(offset, offset + length)), `${length} from ${offset}`)
    }
    await untilEnded(1 + ranges.length)
    assert.deepEqual(sent, [SIZE, ...ranges.map(([, length]) => length)])
  })

  it('comes in its turn where requests are sent ahead', async () => {
    const socket = connect(port, '127.0.0.1')
    const paths = ['', `${2 * CHUNK}-${CHUNK}`, '5-300000']
    for (const path of paths) {
      const last = path === paths.at(-1) ? 'Connection: close\r\n' : ''
      socket.write(`GET /${path} HTTP/1.1\r\nHost: x\r\n${last}\r\n`)
    }
    const answers = Buffer.concat(await socket.toArray())
    let at = 0
    for (const expected of [
      bytes,
      bytes.subarray(2 * CHUNK, 3 * CHUNK),
      bytes.subarray(5, 300_005),
    ]) {
      const start = answers.indexOf('\r\n\r\n', at) + 4
      at = start + expected.length
      assert.ok(answers.subarray(start, at).equals(expected))
    }
    assert.equal(answers.length, at)
  })

  it('waits for who takes it slowly, and lets others be served', async () => {
    const slow = await fetch(`http://127.0.0.1:${port}/`)
    await setTimeout(200)
    assert.deepEqual(sent, [])
    assert.equal((await get('0-100000')).length, 100_000)
    assert.ok(Buffer.from(await slow.arrayBuffer()).equals(bytes))
  })

  it('is cut off where a chunk is shorter than it says', async () => {
    await truncate(join(folder.path, 'third'), MIB)
    await assert.rejects(get(''))
    await untilEnded(1)
    assert.ok((sent[0] ?? SIZE) <= 2 * CHUNK + MIB)
  })

  it('ends when its reader goes', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await untilEnded(1)
    assert.ok((sent[0] ?? SIZE) < SIZE)
  })

  it('ends when its connection is found to be gone while a chunk is read', async () => {
    const connected = once(server, 'connection')
    const answer = get('')
    const [socket] = await connected
    wasRead = () => socket.destroy()
    await assert.rejects(answer)
    await untilEnded(1)
  })
})
