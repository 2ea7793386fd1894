import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { inlineDigester } from '../../../src/blobs/digest.ts'
import type { OpenFile } from '../../../src/blobs/fs/open-files.ts'
import { createFileStore, type FileStore } from '../../../src/blobs/fs/store.ts'
import { createChunkCheck } from '../../../src/blobs/local/check.ts'
import type { OpenChunk } from '../../../src/blobs/local/store.ts'
import { createReusedMemory } from '../../../src/blobs/reused-memory.ts'
import { createEdgeAccount } from '../../../src/mirror/chunks/account.ts'
import { createReadThrough } from '../../../src/mirror/chunks/read-through.ts'
import { type Chunk, randomChunk } from '../../support/chunks.ts'
import { eventually } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'

const SIZE = 1000

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let store: FileStore
let chunk: Chunk
/** Files that were opened and not released. */
let open: number
let fetched: number

beforeEach(async () => {
  folder = await temporaryFolder()
  store = createFileStore(folder.path)
  chunk = randomChunk(SIZE)
  open = 0
  fetched = 0
})
afterEach(async () => {
  store.close()
  await folder.remove()
})

/** An edge whose upstream has the chunk, on a disk of which a test may change how it behaves. */
function readThrough(disk: Partial<FileStore> = {}, chunks = [chunk], limit = SIZE) {
  return createReadThrough({
    ...parts(disk),
    limit,
    upstream: {
      chunk: async (digest: string) => {
        fetched++
        return chunks.find((known) => known.digest === digest)?.bytes ?? null
      },
    },
  })
}

function parts(disk: Partial<FileStore> = {}) {
  return {
    account: createEdgeAccount(),
    local: {
      ...store,
      openChunk: async (digest: string) => counted(await store.openChunk(digest)),
      ...disk,
    },
    manifests: { sizeOfChunk: async () => SIZE },
    digester: inlineDigester,
    check: createChunkCheck(inlineDigester),
    limit: SIZE,
    isPinned: () => false,
  }
}

function counted(file: OpenFile | null, changes: Partial<OpenFile> = {}): OpenFile | null {
  if (!file) return null
  open++
  const release = () => {
    open--
    file.release()
  }
  return { ...file, release, ...changes }
}

async function bytesOf(opened: OpenChunk): Promise<Uint8Array> {
  const bytes = new Uint8Array(SIZE)
  assert.equal(await opened.read(bytes, 0), SIZE)
  opened.release()
  return bytes
}

const unreadable = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
const readOnly = () => Promise.reject(Object.assign(new Error('EROFS'), { code: 'EROFS' }))

async function quarantined(digest: string): Promise<number> {
  const names = await readdir(join(folder.path, digest.slice(0, 2)))
  return names.filter((name) => name.endsWith('.damaged')).length
}

describe('a chunk that has just come', () => {
  it('is read from the memory that it came in, until another one comes there', async () => {
    const size = 1 << 20
    let reads = 0
    const chunks = [randomChunk(size), randomChunk(size)]
    const [first = chunk, second = chunk] = chunks
    // The other one has memory that is everybody's.
    const digester = {
      ...inlineDigester,
      memory: createReusedMemory((bytes) => new Uint8Array(bytes)),
    }
    const edge = createReadThrough({
      ...parts({
        async openChunk(digest) {
          const file = await store.openChunk(digest)
          const read: OpenFile['read'] = (buffer, position) => {
            reads++
            return file?.read(buffer, position) ?? unreadable()
          }
          return counted(file, { read })
        },
      }),
      digester,
      manifests: { sizeOfChunk: async () => size },
      limit: 2 * size,
      upstream: {
        async chunk(digest: string, memory: Uint8Array) {
          memory.set(chunks.find((known) => known.digest === digest)?.bytes ?? [])
          return memory
        },
      },
    })
    const opened = await edge.openChunk(first.digest)
    const bytes = new Uint8Array(size)
    const half = size / 2
    assert.equal(await opened.read(bytes.subarray(0, half), 0), half)
    assert.equal(reads, 0)
    await edge.ensure(second.digest)
    assert.equal(await opened.read(bytes.subarray(half), half), half)
    assert.equal(reads, 1)
    assert.deepEqual(bytes, first.bytes)
    opened.release()
  })
})

describe('a chunk that the disk cannot read', () => {
  beforeEach(() => store.put(chunk.digest, chunk.bytes))

  /** The disk, until the bad file has been taken out of the way. */
  function badDisk(changes: Partial<OpenFile>): Partial<FileStore> {
    let isBad = true
    return {
      openChunk: async (digest) => counted(await store.openChunk(digest), isBad ? changes : {}),
      quarantine: async (digest, stamp) => {
        isBad = false
        return store.quarantine(digest, stamp)
      },
    }
  }

  it('is quarantined and fetched again', async () => {
    const edge = readThrough(badDisk({ read: unreadable }))
    assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
    assert.deepEqual([fetched, await quarantined(chunk.digest), open], [1, 1, 0])
    assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
    assert.deepEqual([fetched, edge.counters().corrupt, open], [1, 1, 0])
  })

  it('also when it cannot even be opened', async () => {
    let isBad = true
    const edge = readThrough({
      openChunk: (digest) => (isBad ? unreadable() : store.openChunk(digest)),
      quarantine: async (digest, stamp) => {
        isBad = false
        return store.quarantine(digest, stamp)
      },
    })
    assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
    assert.deepEqual([fetched, await quarantined(chunk.digest)], [1, 1])
  })

  it('also when it could once: the next reader has it anew', async () => {
    let isBad = false
    const read = (file: OpenFile): OpenFile['read'] => {
      return (buffer, position) => (isBad ? unreadable() : file.read(buffer, position))
    }
    const edge = readThrough({
      openChunk: async (digest) => {
        const file = await store.openChunk(digest)
        return file && counted(file, { read: read(file) })
      },
      quarantine: async (digest, stamp) => {
        isBad = false
        return store.quarantine(digest, stamp)
      },
    })
    const opened = await edge.openChunk(chunk.digest)
    isBad = true
    await assert.rejects(opened.read(new Uint8Array(SIZE), 0), { code: 'EIO' })
    opened.release()
    assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
    assert.deepEqual([fetched, await quarantined(chunk.digest), open], [1, 1, 0])
  })

  it('is passed on each time where it can be neither quarantined nor stored over', async () => {
    const edge = readThrough({
      ...badDisk({ read: unreadable }),
      quarantine: readOnly,
      put: readOnly,
    })
    for (const times of [1, 2]) {
      assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
      assert.deepEqual([fetched, edge.counters().streamedThrough, open], [times, times, 0])
    }
  })

  it('is let go of when something else fails', async () => {
    const failing = () => Promise.reject(new Error('too many open files'))
    const edge = readThrough(badDisk({ read: failing }))
    await assert.rejects(edge.openChunk(chunk.digest), /too many open files/)
    assert.deepEqual([open, await quarantined(chunk.digest)], [0, 0])
    await edge.load()
    assert.equal(await edge.room.reserve(SIZE), true)
  })
})

describe('chunks that many want at once', () => {
  it('are fetched eight at a time, in the order in which they were wanted', async () => {
    const wanted = Array.from({ length: 20 }, () => randomChunk(SIZE))
    const asked = new Map<string, () => void>()
    const edge = createReadThrough({
      ...parts(),
      limit: 20 * SIZE,
      upstream: {
        chunk: async (digest) => {
          await new Promise<void>((resolve) => asked.set(digest, resolve))
          return wanted.find((known) => known.digest === digest)?.bytes ?? null
        },
      },
    })
    const fetching = wanted.map(({ digest }) => edge.ensure(digest))
    for (const [done, { digest }] of wanted.entries()) {
      const expected = wanted.slice(0, done + 8)
      await eventually('the next one is asked for', 2_000, () =>
        expected.every((next) => asked.has(next.digest)) ? true : null,
      )
      assert.equal(asked.size, expected.length)
      asked.get(digest)?.()
      await fetching[done]
    }
  })
})

describe('readers of many images, with room for few chunks', () => {
  it('have each chunk fetched once, and none pushed out that another is about to take', async () => {
    const images = Array.from({ length: 6 }, () =>
      Array.from({ length: 5 }, () => randomChunk(SIZE)),
    )
    const edge = readThrough({}, images.flat(), 8 * SIZE)
    const walks = images.map((chunks) => {
      const content = {
        size: 5 * SIZE,
        chunkSize: SIZE,
        chunks: chunks.map(({ digest }) => digest),
      }
      return edge.walk(content, { offset: 0, length: content.size })[Symbol.iterator]()
    })
    for (let position = 0; position < 5; position++) {
      for (const [index, walk] of walks.entries()) {
        const { value } = walk.next()
        const read = await bytesOf(await edge.openChunk(value.digest))
        assert.deepEqual(read, images[index]?.[position]?.bytes)
      }
    }
    for (const walk of walks) assert.equal(walk.next().done, true)
    assert.equal(fetched, 30)
  })
})

describe('a chunk that cannot be evicted', () => {
  it('stays, and what would take its place is passed on', async () => {
    const other = randomChunk(SIZE)
    await store.put(other.digest, other.bytes)
    const edge = readThrough({ delete: readOnly })
    await edge.load()
    for (const times of [1, 2]) {
      assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
      assert.equal(edge.counters().streamedThrough, times)
    }
    assert.deepEqual(await bytesOf(await edge.openChunk(other.digest)), other.bytes)
    const { chunks, reserved } = edge.room.status()
    assert.deepEqual({ chunks, reserved }, { chunks: 1, reserved: 0 })
  })
})

describe('a chunk that was evicted', () => {
  it('counts as unverified if it comes back', async () => {
    const other = randomChunk(SIZE)
    const edge = readThrough(
      {
        openChunk: async (digest) =>
          counted(await store.openChunk(digest), {
            state: { stamp: 'as before', size: SIZE },
          }),
        quarantine: (digest) => store.quarantine(digest, null),
      },
      [chunk, other],
    )
    await edge.ensure(chunk.digest)
    await edge.ensure(other.digest)
    await store.put(chunk.digest, chunk.bytes)
    await writeFile(join(folder.path, chunk.digest.slice(0, 2), chunk.digest), other.bytes)
    assert.deepEqual(await bytesOf(await edge.openChunk(chunk.digest)), chunk.bytes)
    assert.equal(edge.counters().corrupt, 1)
  })
})
