import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { OCTETS } from '../support/images.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { chunkFiles, createRaw, openDatabase, readBack, show, upload } from './data.ts'

const MIB = 1 << 20
const env = environmentOf(SMALL_CHUNKS)

// Open files are counted in /proc.
const skip = process.platform === 'linux' ? false : 'only on Linux'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningProcess

before(async () => {
  folder = await temporaryFolder()
  server = await startOnNode(folder.path, env)
})

after(async () => {
  await server.stop()
  await folder.remove()
})

describe('a client that hangs up halfway through an upload', () => {
  it('leaves the image queued and no chunk [Content-Length]', async () => {
    const id = await createRaw(server.url)
    await hangUpInUpload(id, { 'Content-Length': String(16 * MIB) })
    await assertUntouched(id)
  })

  it('leaves the image queued and no chunk [chunked]', async () => {
    const id = await createRaw(server.url)
    await hangUpInUpload(id, { 'Transfer-Encoding': 'chunked' })
    await assertUntouched(id)
  })

  it('leaves a line in the log that says so', async () => {
    const id = await createRaw(server.url)
    await hangUpInUpload(id, { 'Content-Length': String(16 * MIB) })
    const line = await eventually('the log tells of the upload', 5_000, () => failureOf(id))
    assert.match(line, /failed after \d+ bytes: The client closed the connection/)
    assert.doesNotMatch(server.log(), /"level":"error"/)
  })

  it('can send the image in a second try [204]', async () => {
    const id = await createRaw(server.url)
    await hangUpInUpload(id, { 'Content-Length': String(16 * MIB) })
    await assertUntouched(id)
    assert.equal((await upload(server.url, id, randomData(2 * MIB))).status, 204)
    const image = await show(server.url, id)
    assert.deepEqual([image.status, image.size], ['active', 2 * MIB])
  })
})

describe('clients that hang up halfway through a download', { skip }, () => {
  let path: string
  let openBefore: number

  before(async () => {
    const id = await createRaw(server.url)
    path = `/v2/images/${id}/file`
    assert.equal((await upload(server.url, id, randomData(64 * MIB))).status, 204)
    // Opens every chunk that the server will keep open.
    assert.equal((await readBack(server.url, id)).size, 64 * MIB)
    openBefore = await openFiles()
  })

  it('leave no file or socket open', async () => {
    await Promise.all(Array.from({ length: 30 }, () => hangUpInDownload(path)))
    await untilAnswered(1 + 30)
    await assertNoMoreOpen()
  })

  it('end the answer that is under way on a connection, and those behind it do not begin', async () => {
    await Promise.all(Array.from({ length: 10 }, () => hangUpInPipeline(path)))
    await untilAnswered(1 + 30 + 10)
    await assertNoMoreOpen()
    assert.equal(answered(path), 1 + 30 + 10)
  })

  it('end answers of one write, which fill the connection while nobody reads', async () => {
    await Promise.all(Array.from({ length: 10 }, () => hangUpInRanges(path)))
    await assertNoMoreOpen()
  })

  it('leave a server that serves others', async () => {
    const response = await fetch(`${server.url}${path}`, { headers: { Range: 'bytes=10-19' } })
    assert.equal(response.status, 206)
    assert.equal((await response.arrayBuffer()).byteLength, 10)
  })

  /** Waits for the lines of all whole images that have been asked for, the first by the preparation. */
  async function untilAnswered(count: number): Promise<void> {
    await eventually(`${count} answers have ended`, 10_000, () =>
      answered(path) === count ? true : null,
    )
  }

  async function assertNoMoreOpen(): Promise<void> {
    await eventually(`no more than ${openBefore} open files`, 10_000, async () =>
      (await openFiles()) <= openBefore ? true : null,
    )
  }
})

/** Sends 8 MiB, waits until some of it is stored, and cuts the connection. */
async function hangUpInUpload(id: string, headers: Record<string, string>): Promise<void> {
  const before = (await chunkFiles(folder.path)).length
  const sending = request(`${server.url}/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { ...OCTETS, ...headers },
  })
  sending.on('error', () => undefined)
  sending.write(randomData(8 * MIB))
  await eventually('chunks are stored', 10_000, async () =>
    (await chunkFiles(folder.path)).length > before + 2 ? true : null,
  )
  assert.equal((await show(server.url, id)).status, 'saving')
  sending.destroy()
}

async function assertUntouched(id: string): Promise<void> {
  await eventually('the image is queued', 5_000, async () =>
    (await show(server.url, id)).status === 'queued' ? true : null,
  )
  await eventually('only needed chunks are left', 5_000, async () => {
    const database = openDatabase(folder.path)
    const needed = database.column('SELECT DISTINCT digest FROM blob_chunks')
    database.close()
    return (await chunkFiles(folder.path)).length === needed.length ? true : null
  })
}

function failureOf(id: string): string | null {
  const lines = server.log().split('\n')
  return lines.find((line) => line.includes(`Upload of image ${id} failed`)) ?? null
}

/** Downloads that have come to an end, which is when their line is written. */
function answered(path: string): number {
  return server.log().split(`"GET ${path} 200`).length - 1
}

async function hangUpInDownload(path: string): Promise<void> {
  const download = request(`${server.url}${path}`, { agent: false }).end()
  const [response] = await once(download, 'response')
  await once(response, 'data')
  await setTimeout(20)
  download.destroy()
}

/** The second and third answers wait for the first one's end, which never comes. */
async function hangUpInPipeline(path: string): Promise<void> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3))
  await once(socket, 'data')
  await setTimeout(20)
  socket.destroy()
}

/** Each answer is a single write, one of which is under way when the connection is cut. */
async function hangUpInRanges(path: string): Promise<void> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  const asked = `GET ${path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-399999\r\n\r\n`
  socket.write(asked.repeat(40))
  await once(socket, 'readable')
  await setTimeout(50)
  // Linux resets what is closed before all has been read. To ask Node 20 for it may have that spin when it ends.
  socket.destroy()
}

async function openFiles(): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length
}
