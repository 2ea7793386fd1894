import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFileStore, type FileStore } from '../../src/blobs/fs/store.ts'
import { type Chunk, gather, randomChunk, read } from '../support/chunks.ts'
import { temporaryFolder } from '../support/site.ts'
import { chunkStoreContract } from './chunk-store.ts'

chunkStoreContract('file', async () => {
  const folder = await temporaryFolder()
  const store = createFileStore(join(folder.path, 'chunks'))
  return {
    store,
    async close() {
      store.close()
      await folder.remove()
    },
  }
})

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let root: string
let store: FileStore

beforeEach(async () => {
  folder = await temporaryFolder()
  root = join(folder.path, 'chunks')
  store = createFileStore(root)
})
afterEach(async () => {
  store.close()
  await folder.remove()
})

/** A clock that a file system reads may be another one than ours. */
const CLOCK_MS = 2000

const fileOf = ({ digest }: Chunk) => join(root, digest.slice(0, 2), digest)

async function stored(size: number): Promise<Chunk> {
  const chunk = randomChunk(size)
  await store.put(chunk.digest, chunk.bytes)
  return chunk
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

describe('folder of the file store', () => {
  it('is made by the first chunk and is empty until then', async () => {
    assert.deepEqual(await gather(store.list()), [])
    await store.removeUnfinished(Date.now())
    assert.equal(existsSync(root), false)
    await stored(1)
    assert.equal(existsSync(root), true)
  })

  it('has each chunk at ab/abcdef… and nothing else', async () => {
    const chunks = [await stored(10), await stored(20)]
    assert.deepEqual((await filesBelow(folder.path)).toSorted(), chunks.map(fileOf).toSorted())
  })

  it('is the only place written to, whatever the digest', async () => {
    await assert.rejects(store.put('../../escaped', new Uint8Array(3)), TypeError)
    await assert.rejects(store.put(`../${'a'.repeat(61)}`, new Uint8Array(3)), TypeError)
    assert.deepEqual(await readdir(folder.path), [])
  })

  it('may have other things in it, which are not listed', async () => {
    const chunk = await stored(10)
    await mkdir(join(root, 'lost+found'))
    await writeFile(join(root, 'README'), 'chunks')
    await writeFile(join(dirname(fileOf(chunk)), 'notes'), 'of the operator')
    const listed = await gather(store.list())
    assert.deepEqual(
      listed.map(({ digest }) => digest),
      [chunk.digest],
    )
    await store.removeUnfinished(Date.now())
  })
})

describe('owner of the file store', () => {
  it('is a file that an operator may write too', async () => {
    await store.setOwner('one')
    assert.deepEqual(await filesBelow(root), [join(root, 'owner')])
    await writeFile(join(root, 'owner'), 'another\n')
    assert.equal(await store.owner(), 'another')
  })
})

describe('put of the file store', () => {
  it('leaves nothing behind when it fails', async () => {
    const chunk = randomChunk(10)
    await mkdir(root)
    await writeFile(dirname(fileOf(chunk)), 'a file where the folder belongs')
    await assert.rejects(store.put(chunk.digest, chunk.bytes))
    assert.deepEqual(await filesBelow(root), [dirname(fileOf(chunk))])
  })
})

describe('put of the file store over what is damaged', () => {
  it('replaces a file that differs in one byte, in length, or has nothing in it', async () => {
    const chunk = randomChunk(3 << 20)
    const last = new Uint8Array(chunk.bytes)
    last[last.length - 1] = 255 - (last.at(-1) ?? 0)
    for (const damaged of [
      last,
      chunk.bytes.subarray(1),
      new Uint8Array(),
      new Uint8Array(5 << 20),
    ]) {
      await mkdir(dirname(fileOf(chunk)), { recursive: true })
      await writeFile(fileOf(chunk), damaged)
      await store.put(chunk.digest, chunk.bytes)
      assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
      assert.deepEqual(await filesBelow(root), [fileOf(chunk)])
    }
  })

  it('lets nobody read on in the damaged file', async () => {
    const chunk = await stored(1000)
    await writeFile(fileOf(chunk), randomChunk(1000).bytes)
    const opened = await store.openChunk(chunk.digest)
    opened?.release()
    await store.put(chunk.digest, chunk.bytes)
    assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
  })
})

describe('quarantine of the file store', () => {
  async function stampOf(digest: string): Promise<string> {
    const opened = await store.openChunk(digest)
    assert.ok(opened)
    opened.release()
    return opened.state.stamp
  }

  it('takes the damaged file away, once', async () => {
    const { digest } = await stored(10)
    const stamp = await stampOf(digest)
    assert.equal(await store.quarantine(digest, stamp), true)
    assert.equal(await store.get(digest), null)
    assert.equal(await store.quarantine(digest, stamp), false)
    assert.equal(await store.quarantine(digest, null), false)
  })

  it('leaves the whole file alone that has taken the place of the damaged one', async () => {
    const chunk = randomChunk(1000)
    await mkdir(dirname(fileOf(chunk)), { recursive: true })
    await writeFile(fileOf(chunk), randomChunk(1000).bytes)
    const stamp = await stampOf(chunk.digest)
    await store.put(chunk.digest, chunk.bytes)
    assert.equal(await store.quarantine(chunk.digest, stamp), false)
    assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
    assert.deepEqual(await filesBelow(root), [fileOf(chunk)])
  })
})

describe('removeUnfinished of the file store', () => {
  it('leaves whole chunks alone', async () => {
    const chunk = await stored(10)
    await store.removeUnfinished(Date.now() + CLOCK_MS)
    assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
  })

  it('leaves the owner alone', async () => {
    await store.setOwner('owner')
    await store.removeUnfinished(Date.now() + CLOCK_MS)
    assert.equal(await store.owner(), 'owner')
  })

  it('removes what a process has left behind, but not what is being written', async () => {
    const chunk = await stored(10)
    const old = `${fileOf(chunk)}.1.tmp`
    const young = `${fileOf(chunk)}.2.tmp`
    await writeFile(old, 'half')
    await writeFile(young, 'half')
    await utimes(old, 1000, 1000)
    await store.removeUnfinished(Date.now() - 60_000)
    assert.deepEqual((await filesBelow(root)).toSorted(), [fileOf(chunk), young])
  })

  it('is what they wait for: they are not listed', async () => {
    const chunk = await stored(10)
    await writeFile(`${fileOf(chunk)}.1.tmp`, 'half')
    const listed = await gather(store.list())
    assert.deepEqual(
      listed.map(({ digest }) => digest),
      [chunk.digest],
    )
  })
})

describe('chunk file that was truncated', () => {
  it('breaks the stream of a span instead of ending it', async () => {
    const chunk = await stored(1000)
    await truncate(fileOf(chunk), 500)
    const stream = await store.get(chunk.digest, { offset: 0, length: 1000 })
    await assert.rejects(read(stream), /Chunk ended at 500 of 1000/)
  })

  it('breaks a stream that is being read', async () => {
    const chunk = await stored(3 << 20)
    const reader = (await store.get(chunk.digest))?.getReader()
    await reader?.read()
    await truncate(fileOf(chunk), 1 << 20)
    await assert.rejects(async () => reader?.read(), /Chunk ended/)
  })
})

describe('file of a chunk', () => {
  /** Whether the file is open that all readers of the chunk share. */
  async function watch({ digest }: Chunk): Promise<() => boolean> {
    const file = await store.openChunk(digest)
    assert.ok(file)
    file.release()
    return () => file.handle.fd !== -1
  }

  it('stays open for the next reader until the store is closed', async () => {
    const chunk = await stored(10)
    const isOpen = await watch(chunk)
    await read(await store.get(chunk.digest))
    assert.equal(isOpen(), true)
    store.close()
    assert.equal(isOpen(), false)
  })

  it('is let go by a reader that has come to the end, though the store was closed meanwhile', async () => {
    const chunk = await stored(10)
    const isOpen = await watch(chunk)
    const stream = await store.get(chunk.digest)
    store.close()
    assert.equal(isOpen(), true)
    assert.deepEqual(await read(stream), chunk.bytes)
    assert.equal(isOpen(), false)
  })

  it('is let go by a reader that leaves before the first byte', async () => {
    const chunk = await stored(10)
    const isOpen = await watch(chunk)
    await (await store.get(chunk.digest))?.cancel()
    store.close()
    assert.equal(isOpen(), false)
  })

  it('is let go by a reader that leaves in the middle', async () => {
    const chunk = await stored(2 << 20)
    const isOpen = await watch(chunk)
    const reader = (await store.get(chunk.digest))?.getReader()
    await reader?.read()
    await reader?.cancel()
    store.close()
    assert.equal(isOpen(), false)
  })

  it('is let go once by a reader that leaves while bytes are on their way', async () => {
    const chunk = await stored(2 << 20)
    const isOpen = await watch(chunk)
    const other = await store.get(chunk.digest)
    const reader = (await store.get(chunk.digest))?.getReader()
    const pending = reader?.read()
    await reader?.cancel()
    await pending
    // Lets the read end that nobody waits for.
    await new Promise((resolve) => setTimeout(resolve, 20))
    store.close()
    assert.equal(isOpen(), true)
    await other?.cancel()
    assert.equal(isOpen(), false)
  })

  it('is let go when the stream breaks', async () => {
    const chunk = await stored(1000)
    const isOpen = await watch(chunk)
    await truncate(fileOf(chunk), 500)
    await assert.rejects(read(await store.get(chunk.digest, { offset: 0, length: 1000 })))
    store.close()
    assert.equal(isOpen(), false)
  })

  it('is let go when the chunk is deleted', async () => {
    const chunk = await stored(10)
    const isOpen = await watch(chunk)
    await store.delete(chunk.digest)
    assert.equal(isOpen(), false)
  })
})
