import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createChunkBuffers, type Lease } from '../../src/blobs/chunk-buffers.ts'
import { cutChunks, isZero } from '../../src/blobs/chunks.ts'
import { createReusedMemory } from '../../src/blobs/reused-memory.ts'

const memory = createReusedMemory((size) => new Uint8Array(size))
const buffers = () => createChunkBuffers({ memory, spool: null })

function streamOf(...parts: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      parts.forEach((part) => controller.enqueue(part))
      controller.close()
    },
  })
}

/** Bytes that count up, so that a part out of place is seen. */
const counting = (size: number) => Uint8Array.from({ length: size }, (_, index) => index)

async function cut(chunkSize: number, ...parts: Uint8Array[]): Promise<number[][]> {
  const chunks: number[][] = []
  for await (const { bytes, release } of cutChunks(streamOf(...parts), chunkSize, buffers())) {
    chunks.push([...bytes])
    release()
  }
  return chunks
}

/** Buffers of which it is counted how many were made. */
function countedBuffers(budget?: number) {
  let allocated = 0
  const counted = createChunkBuffers({
    memory: createReusedMemory((size) => {
      allocated++
      return new Uint8Array(size)
    }),
    spool: null,
    ...(budget !== undefined && { budget }),
  })
  return { buffers: counted, allocated: () => allocated }
}

const sizes = async (size: number) => (await cut(8, counting(size))).map((chunk) => chunk.length)

describe('cutChunks', () => {
  it('cuts at exactly the chunk size; only the last chunk is shorter', async () => {
    assert.deepEqual(await sizes(1), [1])
    assert.deepEqual(await sizes(7), [7])
    assert.deepEqual(await sizes(8), [8])
    assert.deepEqual(await sizes(9), [8, 1])
    assert.deepEqual(await sizes(15), [8, 7])
    assert.deepEqual(await sizes(16), [8, 8])
    assert.deepEqual(await sizes(17), [8, 8, 1])
  })

  it('makes no chunk of an empty body', async () => {
    assert.deepEqual(await cut(8), [])
    assert.deepEqual(await cut(8, new Uint8Array(), new Uint8Array()), [])
  })

  it('gives the bytes in order, however the body is split', async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 1, max: 16 }), async (body, chunkSize) => {
        const chunks = await cut(chunkSize, ...body)
        assert.deepEqual(
          chunks.flat(),
          body.flatMap((part) => [...part]),
        )
        assert.ok(chunks.slice(0, -1).every((chunk) => chunk.length === chunkSize))
      }),
    )
  })

  it('fills two buffers in turn, so that a chunk is valid while the next one fills', async () => {
    const counted = countedBuffers()
    const seen: Lease[] = []
    const firstBytes: number[] = []
    for await (const chunk of cutChunks(streamOf(counting(28)), 8, counted.buffers)) {
      const previous = seen.at(-1)
      if (previous) firstBytes.push(previous.bytes[0] ?? -1)
      previous?.release()
      seen.push(chunk)
    }
    assert.deepEqual(firstBytes, [0, 8, 16])
    assert.equal(counted.allocated(), 2)
    assert.equal(seen[0]?.bytes.buffer, seen[2]?.bytes.buffer)
    assert.notEqual(seen[0]?.bytes.buffer, seen[1]?.bytes.buffer)
  })

  it('allocates one buffer for a body of one chunk', async () => {
    const counted = countedBuffers()
    const chunks = cutChunks(streamOf(counting(5)), 8, counted.buffers)
    await chunks.next()
    await chunks.next()
    assert.equal(counted.allocated(), 1)
  })

  it('releases what was filling when the body breaks off, or its consumer stops', async () => {
    const counted = countedBuffers(8)
    for (const end of [new Error('ECONNRESET'), null]) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(counting(12)),
        pull: (controller) => (end ? controller.error(end) : controller.enqueue(counting(4))),
      })
      const chunks = cutChunks(body, 8, counted.buffers)
      const first = await chunks.next()
      first.value?.release()
      if (end) await assert.rejects(chunks.next())
      else await chunks.return(undefined)
    }
    const whole = [await counted.buffers.take(8), await counted.buffers.take(8)]
    assert.deepEqual([whole.length, counted.allocated()], [2, 2])
  })

  it('leaves the rest of the body readable when its consumer stops', async () => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => controller.enqueue(counting(8)),
        cancel() {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    for await (const { bytes } of cutChunks(body, 8, buffers())) if (bytes.length === 8) break
    assert.equal(cancelled, false)
    assert.equal(body.locked, false)
    assert.equal((await body.getReader().read()).value?.length, 8)
  })

  it('tells that the body broke off, and keeps what the runtime says of it as the cause', async () => {
    const cause = new Error('ECONNRESET')
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(cause),
    })
    await assert.rejects(cutChunks(body, 8, buffers()).next(), {
      message: 'The client closed the connection before the end of the body',
      cause,
    })
  })

  it('gives up a body of which nothing comes for the given time', async () => {
    const silent = new ReadableStream<Uint8Array>()
    await assert.rejects(cutChunks(silent, 8, buffers(), 20).next(), {
      code: 'invalid',
      message: 'The client sent nothing of the body for 0.02 s',
    })
  })

  it('counts the silence from the last bytes, and not while its consumer is busy', async () => {
    const pause = (milliseconds: number) => new Promise((go) => setTimeout(go, milliseconds))
    let parts = 0
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await pause(30)
        if (parts++ < 4) controller.enqueue(counting(4))
        else controller.close()
      },
    })
    let size = 0
    for await (const { bytes, release } of cutChunks(body, 8, buffers(), 100)) {
      size += bytes.length
      release()
      await pause(150)
    }
    assert.equal(size, 16)
  })
})

describe('isZero', () => {
  const withOne = (size: number, at: number) => {
    const bytes = new Uint8Array(size)
    bytes[at] = 1
    return bytes
  }

  it('is true for zeros of any length', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 7, 8, 4096, 4099].map((size) => isZero(new Uint8Array(size))),
      Array.from({ length: 10 }, () => true),
    )
  })

  it('sees a single other byte at the start, around words, and at the end', () => {
    const found = [0, 1, 3, 4, 7, 2048, 4094, 4095].map((at) => isZero(withOne(4096, at)))
    assert.ok(found.every((zero) => !zero))
  })

  it('sees a single other byte in the tail of an odd length', () => {
    assert.equal(isZero(withOne(1, 0)), false)
    assert.equal(isZero(withOne(3, 2)), false)
    assert.equal(isZero(withOne(5, 4)), false)
    assert.equal(isZero(withOne(7, 5)), false)
    assert.equal(isZero(withOne(4099, 4096)), false)
    assert.equal(isZero(withOne(4099, 4098)), false)
  })

  it('sees every bit', () => {
    const found = Array.from({ length: 8 }, (_, bit) =>
      isZero(new Uint8Array(8).fill(1 << bit, 3, 4)),
    )
    assert.ok(found.every((zero) => !zero))
  })

  it('looks at the part of a buffer that it is given, and no further', () => {
    const buffer = new Uint8Array(64).fill(9)
    buffer.fill(0, 8, 29)
    assert.equal(isZero(buffer.subarray(8, 29)), true)
    assert.equal(isZero(buffer.subarray(8, 30)), false)
    assert.equal(isZero(buffer.subarray(4, 29)), false)
  })

  it('reads shared memory', () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(100))
    assert.equal(isZero(bytes), true)
    bytes[99] = 1
    assert.equal(isZero(bytes), false)
  })
})
