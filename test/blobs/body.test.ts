import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBodyOpener } from '../../src/blobs/body.ts'
import type { Manifest } from '../../src/blobs/manifest.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import type { ChunkStore, Span } from '../../src/blobs/store.ts'
import { type Chunk, chunkOf, randomChunk, read } from '../support/chunks.ts'

const CHUNK_SIZE = 8

const [FIRST, SECOND, LAST] = ['abcdefgh', 'ijklmnop', 'qrst'].map((text) =>
  chunkOf(new TextEncoder().encode(text)),
) as [Chunk, Chunk, Chunk]

/** `abcdefgh`, eight zeros, `ijklmnop`, `qrst`. */
const MIXED = manifestOf([FIRST.digest, null, SECOND.digest, LAST.digest], 28)

function manifestOf(chunks: (string | null)[], size: number, chunkSize = CHUNK_SIZE): Manifest {
  return { size, chunkSize, checksum: '', hashAlgorithm: 'sha256', hashValue: '', chunks }
}

async function storeOf(...chunks: Chunk[]): Promise<ChunkStore> {
  const store = createMemoryStore()
  await Promise.all(chunks.map(({ digest, bytes }) => store.put(digest, bytes)))
  return store
}

/** Opens a body that must be there. */
async function openBody(store: ChunkStore, manifest: Manifest, range?: Span) {
  const body = await createBodyOpener(store)(
    manifest,
    range ?? { offset: 0, length: manifest.size },
  )
  assert.ok(body?.stream)
  return { stream: body.stream, sent: body.sent }
}

async function textOf(range: Span): Promise<string> {
  const { stream } = await openBody(await storeOf(FIRST, SECOND, LAST), MIXED, range)
  return new TextDecoder().decode(await read(stream)).replaceAll('\0', '0')
}

/** A chunk's stream that never ends and tells what became of it. */
function endless(): { stream: ReadableStream<Uint8Array>; cancelledWith: unknown[] } {
  const cancelledWith: unknown[] = []
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => controller.enqueue(new Uint8Array(3)),
      cancel: (reason) => void cancelledWith.push(reason),
    },
    { highWaterMark: 0 },
  )
  return { stream, cancelledWith }
}

describe('body of a blob', () => {
  it('is the whole, zeros included', async () => {
    assert.equal(await textOf({ offset: 0, length: 28 }), 'abcdefgh00000000ijklmnopqrst')
  })

  it('is any range of it', async () => {
    assert.equal(await textOf({ offset: 0, length: 1 }), 'a')
    assert.equal(await textOf({ offset: 2, length: 3 }), 'cde')
    assert.equal(await textOf({ offset: 7, length: 2 }), 'h0')
    assert.equal(await textOf({ offset: 10, length: 4 }), '0000')
    assert.equal(await textOf({ offset: 15, length: 10 }), '0ijklmnopq')
    assert.equal(await textOf({ offset: 27, length: 1 }), 't')
  })

  it('is empty for an empty blob', async () => {
    const { stream, sent } = await openBody(createMemoryStore(), manifestOf([], 0))
    assert.equal((await read(stream)).length, 0)
    assert.equal(await sent, 0)
  })

  it('needs no store for zeros, and gives them in parts', async () => {
    const size = (5 << 20) + 3
    const zeros = manifestOf([null, null], size, 4 << 20)
    const { stream, sent } = await openBody(createMemoryStore(), zeros)
    const parts: Uint8Array[] = []
    for await (const part of stream) parts.push(part)
    assert.ok(parts.every((part) => part.length <= 1 << 20 && part.every((byte) => byte === 0)))
    assert.equal(await sent, size)
  })

  it('gives zeros that its reader may overwrite', async () => {
    const zeros = manifestOf([null], CHUNK_SIZE)
    const first = await read((await openBody(createMemoryStore(), zeros)).stream)
    first.fill(1)
    for await (const part of (await openBody(createMemoryStore(), zeros)).stream) part.fill(1)
    const { stream } = await openBody(createMemoryStore(), zeros)
    assert.deepEqual(await read(stream), new Uint8Array(CHUNK_SIZE))
  })

  it('opens a chunk only when its reader has come to it', async () => {
    const store = await storeOf(FIRST, SECOND, LAST)
    const opened: string[] = []
    const watched: ChunkStore = {
      ...store,
      get(digest, span) {
        opened.push(digest)
        return store.get(digest, span)
      },
    }
    const { stream } = await openBody(watched, MIXED)
    assert.deepEqual(opened, [FIRST.digest])
    const reader = stream.getReader()
    await reader.read()
    await reader.read()
    assert.deepEqual(opened, [FIRST.digest])
    await reader.read()
    assert.deepEqual(opened, [FIRST.digest, SECOND.digest])
  })
})

describe('missing chunk', () => {
  it('is null when it is the first of the range', async () => {
    const open = createBodyOpener(await storeOf(SECOND, LAST))
    assert.equal(await open(MIXED, { offset: 0, length: 28 }), null)
    assert.ok(await open(MIXED, { offset: 8, length: 20 }))
  })

  it('breaks the stream when it comes later, after the bytes before it', async () => {
    const { stream, sent } = await openBody(await storeOf(FIRST, SECOND), MIXED)
    const parts: Uint8Array[] = []
    const reading = async () => {
      for await (const part of stream) parts.push(part)
    }
    await assert.rejects(reading, /missing from the store/)
    assert.equal(Buffer.concat(parts).length, 24)
    assert.equal(await sent, 24)
  })
})

describe('broken store', () => {
  it('rejects when the first chunk cannot be opened', async () => {
    const broken: ChunkStore = {
      ...createMemoryStore(),
      get: () => Promise.reject(new Error('No such device')),
    }
    await assert.rejects(createBodyOpener(broken)(MIXED, { offset: 0, length: 28 }), /No such dev/)
  })

  it('breaks the stream when a chunk fails halfway, and still tells what was sent', async () => {
    let pulls = 0
    const failing = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (pulls++ === 1) throw new Error('Input/output error')
          controller.enqueue(new Uint8Array(5))
        },
      },
      { highWaterMark: 0 },
    )
    const { stream, sent } = await openBody(
      { ...createMemoryStore(), get: async () => failing },
      MIXED,
    )
    await assert.rejects(read(stream), /Input\/output error/)
    assert.equal(await sent, 5)
  })
})

describe('sent', () => {
  it('is the number of bytes of a body that was read to its end', async () => {
    const { digest, bytes } = randomChunk(100_000)
    const store = await storeOf({ digest, bytes })
    const manifest = manifestOf([digest, digest, null], 250_000, 100_000)
    const { stream, sent } = await openBody(store, manifest, { offset: 1, length: 220_000 })
    await read(stream)
    assert.equal(await sent, 220_000)
  })

  it('is what had gone out when the reader left', async () => {
    const { stream: chunk, cancelledWith } = endless()
    const store = { ...createMemoryStore(), get: async () => chunk }
    const { stream, sent } = await openBody(store, MIXED)
    const reader = stream.getReader()
    await reader.read()
    await reader.read()
    await reader.cancel('left')
    assert.equal(await sent, 6)
    assert.deepEqual(cancelledWith, ['left'])
  })
})

describe('reader that leaves', () => {
  it('before the first byte frees the chunk that is open', async () => {
    const { stream: chunk, cancelledWith } = endless()
    const store = { ...createMemoryStore(), get: async () => chunk }
    const { stream, sent } = await openBody(store, MIXED)
    await stream.cancel('never mind')
    assert.deepEqual(cancelledWith, ['never mind'])
    assert.equal(await sent, 0)
  })

  it('inside zeros is let go', async () => {
    const { stream, sent } = await openBody(createMemoryStore(), manifestOf([null], CHUNK_SIZE))
    await stream.cancel()
    assert.equal(await sent, 0)
  })

  it('while the store is reading opens no further chunk', async () => {
    let opened = 0
    const stuck = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    const store: ChunkStore = {
      ...createMemoryStore(),
      async get() {
        opened++
        return stuck
      },
    }
    const { stream } = await openBody(store, manifestOf([FIRST.digest, LAST.digest], 12))
    const reader = stream.getReader()
    const pending = reader.read()
    await reader.cancel()
    await pending
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(opened, 1)
  })

  it('while the store is opening the next chunk frees that one too', async () => {
    const { stream: next, cancelledWith } = endless()
    let arrive = () => undefined as void
    const memory = await storeOf(FIRST)
    const store: ChunkStore = {
      ...memory,
      get(digest, span) {
        if (digest === FIRST.digest) return memory.get(digest, span)
        return new Promise((resolve) => {
          arrive = () => resolve(next)
        })
      },
    }
    const { stream } = await openBody(store, manifestOf([FIRST.digest, LAST.digest], 12))
    const reader = stream.getReader()
    await reader.read()
    const pending = reader.read()
    await new Promise((resolve) => setImmediate(resolve))
    await reader.cancel('left')
    arrive()
    await pending
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(cancelledWith.length, 1)
  })
})
