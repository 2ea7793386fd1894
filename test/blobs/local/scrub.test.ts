import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { site } from '../../../schema/tables.ts'
import { inlineDigester } from '../../../src/blobs/digest.ts'
import { createFileStore, type FileStore } from '../../../src/blobs/fs/store.ts'
import { createChunkCheck } from '../../../src/blobs/local/check.ts'
import { createLostChunks } from '../../../src/blobs/local/lost-chunks.ts'
import { createScrubber, type ScrubParts } from '../../../src/blobs/local/scrub.ts'
import { openScrubNotes } from '../../../src/inventory/scrub-notes.ts'
import { type Chunk, gather, randomChunk, read } from '../../support/chunks.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'
import { temporaryFolder } from '../../support/site.ts'

const SIZE = 1000
const FAST = 1_000_000
/** Two chunks a second. */
const SLOW = (SIZE * 8 * 2) / 1_000_000

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let database: TestRegistry
let store: FileStore
/** In the order of their digests, as the store lists them. */
let chunks: Chunk[]

beforeEach(async () => {
  folder = await temporaryFolder()
  database = await openTestRegistry()
  store = createFileStore(folder.path)
  chunks = Array.from({ length: 3 }, () => randomChunk(SIZE)).toSorted((a, b) =>
    a.digest < b.digest ? -1 : 1,
  )
  for (const { digest, bytes } of chunks) await store.put(digest, bytes)
})

afterEach(async () => {
  store.close()
  await database.close()
  await folder.remove()
})

/** A scrubber as after a start, with what it knows to be lost. */
async function scrubber(options: Partial<ScrubParts> = {}) {
  const sizeOfChunk = options.sizeOfChunk ?? (async () => SIZE)
  const notes = await openScrubNotes(database.registry)
  const lost = createLostChunks({ store, sizeOfChunk, notes })
  const scrub = createScrubber({
    store,
    quarantine: store.quarantine,
    refetch: null,
    sizeOfChunk,
    check: createChunkCheck(inlineDigester),
    lost,
    notes,
    isOurs: () => true,
    rate: FAST,
    ...options,
  })
  return { ...scrub, lost: lost.recount }
}

function chunk(position: number): Chunk {
  const found = chunks[position]
  assert.ok(found)
  return found
}

const fileOf = ({ digest }: Chunk) => join(folder.path, digest.slice(0, 2), digest)

/** Flips one bit where the chunk lies. */
async function damage(position: number): Promise<Chunk> {
  const file = fileOf(chunk(position))
  const bytes = await readFile(file)
  bytes[SIZE / 2] = (bytes[SIZE / 2] ?? 0) ^ 1
  await writeFile(file, bytes)
  return chunk(position)
}

const stored = async () => (await gather(store.list())).map(({ digest }) => digest)

/** Fetches like an edge: the bytes as they were. */
async function refetch(digest: string): Promise<void> {
  const found = chunks.find((each) => each.digest === digest)
  await store.put(digest, found?.bytes ?? new Uint8Array())
}

describe('scrubbing a store that is whole', () => {
  it('reads every chunk and changes nothing', async () => {
    const scrub = await scrubber()
    await scrub.round()
    assert.deepEqual(scrub.counters(), { chunks: 3, bytes: 3 * SIZE, damaged: 0, refetched: 0 })
    assert.equal((await stored()).length, 3)
  })

  it('leaves what nothing needs to the sweeper', async () => {
    await damage(0)
    const scrub = await scrubber({ sizeOfChunk: async () => null })
    await scrub.round()
    assert.equal(scrub.counters().chunks, 0)
    assert.equal((await stored()).length, 3)
  })

  it('is off at a rate of 0', async () => {
    const scrub = await scrubber({ rate: 0 })
    await scrub.run()
    assert.equal(scrub.counters().chunks, 0)
  })
})

describe('scrubbing an edge', () => {
  it('fetches a damaged chunk again, and keeps the damaged one aside', async () => {
    const damaged = await damage(1)
    const scrub = await scrubber({ refetch })
    await scrub.round()
    assert.deepEqual(scrub.counters(), { chunks: 3, bytes: 3 * SIZE, damaged: 1, refetched: 1 })
    assert.deepEqual(await read(await store.get(damaged.digest)), damaged.bytes)
    const names = await readdir(join(folder.path, damaged.digest.slice(0, 2)))
    assert.equal(names.filter((name) => name.endsWith('.damaged')).length, 1)
    assert.equal(await scrub.lost(), 0)
  })

  it('keeps the damaged one from the sweep that follows', async () => {
    const { digest } = await damage(1)
    await (await scrubber({ refetch })).round()
    await store.removeUnfinished(Date.now() - 60_000)
    const names = await readdir(join(folder.path, digest.slice(0, 2)))
    assert.equal(names.filter((name) => name.endsWith('.damaged')).length, 1)
  })

  it('believes the bytes and not what a damaged registry says of their length', async () => {
    const scrub = await scrubber({ refetch, sizeOfChunk: async () => SIZE - 1 })
    await scrub.round()
    assert.equal(scrub.counters().damaged, 0)
    assert.equal((await stored()).length, 3)
  })

  it('also finds a chunk that is too short', async () => {
    await writeFile(fileOf(chunk(2)), 'short')
    const scrub = await scrubber({ refetch })
    await scrub.round()
    assert.equal(scrub.counters().refetched, 1)
  })

  it('goes on without the chunk while nobody has it', async () => {
    const { digest } = await damage(0)
    const scrub = await scrubber({ refetch: () => Promise.reject(new Error('no upstream')) })
    await scrub.round()
    assert.deepEqual(scrub.counters(), { chunks: 3, bytes: 3 * SIZE, damaged: 1, refetched: 0 })
    assert.equal((await stored()).includes(digest), false)
    assert.equal(await scrub.lost(), 0)
  })
})

describe('scrubbing an origin', () => {
  it('takes a damaged chunk out of the way and counts it as lost', async () => {
    const { digest } = await damage(1)
    const scrub = await scrubber()
    await scrub.round()
    assert.equal(await scrub.lost(), 1)
    assert.equal(await store.get(digest), null)
  })

  it('still knows of it after a restart', async () => {
    await damage(1)
    await (await scrubber()).round()
    assert.equal(await (await scrubber()).lost(), 1)
  })

  it('forgets it when it has been uploaded again', async () => {
    const { digest, bytes } = await damage(1)
    const scrub = await scrubber()
    await scrub.round()
    await store.put(digest, bytes)
    assert.equal(await scrub.lost(), 0)
  })

  it('forgets it when no image needs it any more', async () => {
    await damage(1)
    await (await scrubber()).round()
    assert.equal(await (await scrubber({ sizeOfChunk: async () => null })).lost(), 0)
  })
})

describe('a scrubber that is stopped', () => {
  it('stops at once, and the next one goes on from there', async () => {
    const first = await scrubber({ rate: SLOW })
    const running = first.round()
    while (first.counters().chunks === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    first.stop()
    await running
    assert.equal(first.counters().chunks, 1)
    const second = await scrubber()
    await second.round()
    assert.equal(second.counters().chunks, 2)
    await second.round()
    assert.equal(second.counters().chunks, 5)
  })
})

describe('notes of a scrubber that a disk has changed', () => {
  it('are as good as none', async () => {
    await (await openScrubNotes(database.registry)).save()
    for (const value of ['{"position":5}', '{"position":"a","lo', '']) {
      await database.registry.update(site).set({ value })
      const { position, lost } = await openScrubNotes(database.registry)
      assert.deepEqual([position, lost.size], ['', 0])
    }
  })
})
