import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sha256 } from '../../src/blobs/digest.ts'
import type { ChunkStore, OwnedStore } from '../../src/blobs/store.ts'
import { type Chunk, gather, randomChunk, read } from '../support/chunks.ts'

export interface OpenedStore {
  store: ChunkStore & OwnedStore
  close(): Promise<void>
}

const BIG = 8 << 20
/** More than R2 lists in one page. */
const MANY = 1005
const AT_ONCE = 64
/** A clock that a store reads may be another one than ours. */
const CLOCK_MS = 2000

const ABSENT = '0'.repeat(64)

/**
 * What every store of chunks does. One store is opened for all tests, each of which has chunks of its own. So many are
 * listed at once.
 */
export function chunkStoreContract(
  name: string,
  open: () => Promise<OpenedStore>,
  many: number = MANY,
): void {
  describe(`${name} store`, () => {
    let opened: OpenedStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    const subject = () => opened.store

    describe('get', () => testGet(subject))
    describe('put', () => testPut(subject))
    describe('delete', () => testDelete(subject))
    describe('list', () => testList(subject, many))
    describe('bad digest', () => testBadDigests(subject))
    describe('owner', () => testOwner(subject))
  })
}

type Subject = () => ChunkStore & OwnedStore

async function stored(store: ChunkStore, size: number): Promise<Chunk> {
  const chunk = randomChunk(size)
  await store.put(chunk.digest, chunk.bytes)
  return chunk
}

function testGet(subject: Subject): void {
  it('gives the whole chunk', async () => {
    const { digest, bytes } = await stored(subject(), 1000)
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })

  it('gives a span from the start, the middle and the end', async () => {
    const { digest, bytes } = await stored(subject(), 1000)
    const span = async (offset: number, length: number) =>
      read(await subject().get(digest, { offset, length }))
    assert.deepEqual(await span(0, 1), bytes.subarray(0, 1))
    assert.deepEqual(await span(499, 2), bytes.subarray(499, 501))
    assert.deepEqual(await span(990, 10), bytes.subarray(990))
    assert.deepEqual(await span(0, 1000), bytes)
  })

  it('gives no bytes for a span of none', async () => {
    const { digest } = await stored(subject(), 10)
    assert.equal((await read(await subject().get(digest, { offset: 0, length: 0 }))).length, 0)
    assert.equal((await read(await subject().get(digest, { offset: 5, length: 0 }))).length, 0)
  })

  it('is null for an absent chunk', async () => {
    assert.equal(await subject().get(ABSENT), null)
    assert.equal(await subject().get(ABSENT, { offset: 5, length: 10 }), null)
    assert.equal(await subject().get(ABSENT, { offset: 0, length: 0 }), null)
  })

  it('gives all of a chunk of 8 MiB, and spans across its inside', async () => {
    const { digest, bytes } = await stored(subject(), BIG)
    assert.equal(sha256(await read(await subject().get(digest))), digest)
    const span = { offset: (1 << 20) - 1, length: (3 << 20) + 2 }
    const expected = bytes.subarray(span.offset, span.offset + span.length)
    assert.equal(sha256(await read(await subject().get(digest, span))), sha256(expected))
  })

  it('serves several readers of one chunk at once', async () => {
    const { digest } = await stored(subject(), 3 << 20)
    const bodies = await Promise.all(
      Array.from({ length: 4 }, async () => read(await subject().get(digest))),
    )
    assert.deepEqual(bodies.map(sha256), [digest, digest, digest, digest])
  })

  it('lets a reader leave in the middle and the next one read it all', async () => {
    const { digest } = await stored(subject(), BIG)
    const reader = (await subject().get(digest))?.getReader()
    const first = await reader?.read()
    assert.ok(first?.value?.length)
    await reader?.cancel('left')
    assert.equal(sha256(await read(await subject().get(digest))), digest)
  })

  it('lets a reader leave before the first byte', async () => {
    const { digest } = await stored(subject(), 1000)
    await (await subject().get(digest))?.cancel()
    await subject().delete(digest)
    assert.equal(await subject().get(digest), null)
  })
}

function testPut(subject: Subject): void {
  const entries = async (digest: string) =>
    (await gather(subject().list())).filter((chunk) => chunk.digest === digest)

  it('leaves a chunk alone that is there already', async () => {
    const { digest, bytes } = await stored(subject(), 100)
    const before = await entries(digest)
    await subject().put(digest, bytes)
    assert.deepEqual(await entries(digest), before)
    assert.equal(before.length, 1)
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })

  it('stores one chunk when eight callers put it at once', async () => {
    const { digest, bytes } = randomChunk(100_000)
    await Promise.all(Array.from({ length: 8 }, () => subject().put(digest, bytes)))
    assert.equal((await entries(digest)).length, 1)
    assert.equal(sha256(await read(await subject().get(digest))), digest)
  })

  it('stores only the part of a larger buffer that it is given', async () => {
    const { digest, bytes } = randomChunk(101)
    const buffer = new Uint8Array(300).fill(7)
    buffer.set(bytes, 99)
    await subject().put(digest, buffer.subarray(99, 200))
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })

  it('stores bytes of shared memory', async () => {
    const { digest, bytes } = randomChunk(1000)
    const shared = new Uint8Array(new SharedArrayBuffer(1000))
    shared.set(bytes)
    await subject().put(digest, shared)
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })

  it('has no need of the bytes once it has resolved', async () => {
    const { digest, bytes } = randomChunk(1000)
    const reused = bytes.slice()
    await subject().put(digest, reused)
    reused.fill(0)
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })

  it('stores a chunk again that was deleted', async () => {
    const { digest, bytes } = await stored(subject(), 100)
    await subject().delete(digest)
    await subject().put(digest, bytes)
    assert.deepEqual(await read(await subject().get(digest)), bytes)
  })
}

function testDelete(subject: Subject): void {
  it('makes the chunk absent, also for who has read it before', async () => {
    const { digest } = await stored(subject(), 100)
    await read(await subject().get(digest))
    await subject().delete(digest)
    assert.equal(await subject().get(digest), null)
    const left = await gather(subject().list())
    assert.ok(!left.some((chunk) => chunk.digest === digest))
  })

  it('of an absent chunk is no error', async () => {
    const { digest } = await stored(subject(), 100)
    await subject().delete(digest)
    await subject().delete(digest)
    await subject().delete(ABSENT)
  })
}

function testList(subject: Subject, many: number): void {
  const digests = async (after?: string) =>
    (await gather(subject().list(after))).map((chunk) => chunk.digest)

  it('gives every chunk once, in order, also where they are many', async () => {
    const chunks = Array.from({ length: many }, () => randomChunk(16))
    for (let i = 0; i < many; i += AT_ONCE) {
      const some = chunks.slice(i, i + AT_ONCE)
      await Promise.all(some.map(({ digest, bytes }) => subject().put(digest, bytes)))
    }
    const listed = await digests()
    assert.deepEqual(listed, [...new Set(listed)].toSorted())
    const all = new Set(listed)
    assert.equal(chunks.filter(({ digest }) => all.has(digest)).length, many)
  })

  it('goes on after a digest', async () => {
    await stored(subject(), 10)
    await stored(subject(), 10)
    const all = await digests()
    const middle = all[Math.floor(all.length / 2)] ?? ''
    assert.deepEqual(await digests(middle), all.slice(all.indexOf(middle) + 1))
    assert.deepEqual(await digests(all.at(-1)), [])
  })

  it('goes on after a digest that is not there', async () => {
    const { digest } = await stored(subject(), 10)
    const all = await digests()
    await subject().delete(digest)
    assert.deepEqual(await digests(digest), all.slice(all.indexOf(digest) + 1))
    assert.deepEqual(await digests('f'.repeat(64)), [])
  })

  it('tells when a chunk was stored', async () => {
    const earliest = Date.now() - CLOCK_MS
    const { digest } = await stored(subject(), 10)
    const latest = Date.now() + CLOCK_MS
    const found = (await gather(subject().list())).find((chunk) => chunk.digest === digest)
    assert.ok(found && found.storedAt > earliest && found.storedAt < latest)
  })
}

function testOwner(subject: Subject): void {
  it('is nobody before there is one', async () => {
    await stored(subject(), 10)
    assert.equal(await subject().owner(), null)
  })

  it('is the one that was set last', async () => {
    await subject().setOwner('first')
    await subject().setOwner('second')
    assert.equal(await subject().owner(), 'second')
  })

  it('is no chunk', async () => {
    const before = await gather(subject().list())
    await subject().setOwner('owner')
    assert.deepEqual(await gather(subject().list()), before)
    assert.equal(await subject().owner(), 'owner')
  })
}

function testBadDigests(subject: Subject): void {
  const BAD = [
    '',
    '../../x',
    `../${'a'.repeat(61)}`,
    'a'.repeat(63),
    'a'.repeat(65),
    'A'.repeat(64),
    `${'a'.repeat(64)}\n`,
    `${'a'.repeat(63)}\0`,
    `aa/${'a'.repeat(61)}`,
  ]
  const refused = (action: (digest: string) => Promise<unknown>) =>
    Promise.all(BAD.map((digest) => assert.rejects(() => action(digest), TypeError)))

  it('is refused by get', async () => {
    await refused((digest) => subject().get(digest))
  })

  it('is refused by delete', async () => {
    await refused((digest) => subject().delete(digest))
  })

  it('is refused by put, which stores nothing', async () => {
    const before = await gather(subject().list())
    await refused((digest) => subject().put(digest, new Uint8Array(3)))
    assert.deepEqual(await gather(subject().list()), before)
  })
}
