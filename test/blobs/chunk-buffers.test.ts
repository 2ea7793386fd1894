import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type ChunkBuffers, createChunkBuffers } from '../../src/blobs/chunk-buffers.ts'
import { cutChunks } from '../../src/blobs/chunks.ts'
import { createReusedMemory } from '../../src/blobs/reused-memory.ts'
import { createSpool } from '../../src/blobs/fs/spool.ts'
import { temporaryFolder } from '../support/site.ts'

const SIZE = 1000
const memory = createReusedMemory((size) => new Uint8Array(size))

let folder: Awaited<ReturnType<typeof temporaryFolder>>
/** Room for two chunks. */
let buffers: ChunkBuffers

beforeEach(async () => {
  folder = await temporaryFolder()
  buffers = createChunkBuffers({ memory, spool: createSpool(folder.path), budget: 2 * SIZE })
})
afterEach(() => folder.remove())

/** An upload that a test feeds by hand; its chunks are stored at once. */
function upload(from: ChunkBuffers = buffers) {
  let feed: ReadableStreamDefaultController<Uint8Array> | null = null
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) })
  const chunks: string[] = []
  const done = (async () => {
    for await (const { bytes, release } of cutChunks(body, SIZE, from)) {
      chunks.push(Buffer.from(bytes).toString('latin1'))
      release()
    }
  })()
  return {
    chunks,
    done,
    send: (text: string) => feed?.enqueue(Buffer.from(text)),
    end: () => feed?.close(),
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('the memory of uploads', () => {
  it('is given out in the order in which it was asked for, when there is some again', async () => {
    const [first, second] = [await buffers.take(SIZE), await buffers.take(SIZE)]
    const order: string[] = []
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      const lease = await buffers.take(SIZE)
      order.push(name)
      return lease
    })
    await settle()
    assert.deepEqual(order, [])
    first.release()
    first.release()
    await settle()
    assert.deepEqual(order, ['a'])
    second.release()
    ;(await waiting[0])?.release()
    await Promise.all(waiting.slice(1))
    assert.deepEqual(order, ['a', 'b', 'c'])
  })

  it('is reused', async () => {
    const first = await buffers.take(SIZE)
    first.release()
    assert.equal((await buffers.take(SIZE)).bytes.buffer, first.bytes.buffer)
  })

  it('holds two chunks, however large they are', async () => {
    const small = createChunkBuffers({ memory, spool: null, budget: 1 })
    await small.take(SIZE)
    await small.take(SIZE)
  })

  it('is taken by an upload only with its first byte, and not between chunks', async () => {
    const idle = Array.from({ length: 5 }, () => upload())
    const between = upload()
    between.send('x'.repeat(SIZE))
    await settle()
    const [first, second] = [await buffers.take(SIZE), await buffers.take(SIZE)]
    first.release()
    second.release()
    for (const each of [...idle, between]) each.end()
    await Promise.all([...idle, between].map(({ done }) => done))
    assert.equal(between.chunks.length, 1)
  })
})

describe('an upload that does not go on while others wait', () => {
  it('is moved to a file without a name, and ends well when it goes on', async () => {
    const still = [upload(), upload(), upload()]
    for (const [index, { send }] of still.entries()) send(`begin ${index} `)
    const other = upload()
    other.send('o'.repeat(2 * SIZE))
    other.end()
    await other.done
    assert.deepEqual(other.chunks, ['o'.repeat(SIZE), 'o'.repeat(SIZE)])
    assert.deepEqual(await readdir(folder.path), [])

    for (const { send, end } of still) {
      send('y'.repeat(SIZE))
      end()
    }
    await Promise.all(still.map(({ done }) => done))
    for (const [index, { chunks }] of still.entries()) {
      assert.equal(chunks.join(''), `begin ${index} ${'y'.repeat(SIZE)}`)
      assert.deepEqual(
        chunks.map(({ length }) => length),
        [SIZE, 8],
      )
    }
  })

  it('keeps its memory where nothing can be written, and the others wait', async () => {
    const spool = () => Promise.reject(new Error('EROFS'))
    const only = createChunkBuffers({ memory, spool, budget: 2 * SIZE })
    const still = [upload(only), upload(only)]
    for (const { send } of still) send('begin ')
    const other = upload(only)
    other.send('o'.repeat(SIZE))
    other.end()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    assert.deepEqual(other.chunks, [])
    for (const { end } of still) end()
    await Promise.all([...still, other].map(({ done }) => done))
    assert.deepEqual(
      [...still, other].map(({ chunks }) => chunks.length),
      [1, 1, 1],
    )
  })
})
