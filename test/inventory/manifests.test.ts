import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../../src/blobs/manifest.ts'
import { createManifests, type Manifests } from '../../src/inventory/manifests.ts'
import { collectLogs } from '../support/logs.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

let site: TestRegistry
let manifests: Manifests

beforeEach(async () => {
  site = await openTestRegistry()
  manifests = createManifests(site.registry)
})
afterEach(() => site.close())

const MIB = 1 << 20
const digestOf = (letter: string) => letter.repeat(64)

const manifestOf = (size: number, chunks: (string | null)[], letter = 'f'): Manifest => ({
  size,
  chunkSize: MIB,
  checksum: letter.repeat(32),
  hashAlgorithm: 'sha512',
  hashValue: letter.repeat(128),
  chunks,
})

/** A blob of so many chunks of zeros; the letter tells it from others. */
const zeros = (count: number, letter = 'f') =>
  manifestOf(count * MIB, Array<null>(count).fill(null), letter)

async function insert(manifest: Manifest): Promise<string> {
  const digest = manifestDigest(manifest)
  await site.registry.insert(blobs).values({
    digest,
    size: manifest.size,
    chunk_size: manifest.chunkSize,
    checksum: manifest.checksum ?? '',
    hash_algo: manifest.hashAlgorithm,
    hash_value: manifest.hashValue,
    created_at: 1,
  })
  // The last one first: the order of rows says nothing.
  await site.registry.run(sql`INSERT INTO ${blobChunks}
    SELECT ${digest}, key, value FROM json_each(${JSON.stringify(manifest.chunks)}) ORDER BY key DESC`)
  return digest
}

/** Takes the blob out of the registry, so that only the memory can still know it. */
const forget = (digest: string) => site.registry.delete(blobs).where(eq(blobs.digest, digest))

describe('manifest of a blob', () => {
  it('has the chunks in their order, zeros as null', async () => {
    const manifest = manifestOf(2 * MIB + 4, [digestOf('a'), null, digestOf('b')])
    const blob = await insert(manifest)
    assert.deepEqual(await manifests.find(blob), { ...manifest, blob })
  })

  it('of an empty blob has no chunks', async () => {
    assert.deepEqual((await manifests.find(await insert(manifestOf(0, []))))?.chunks, [])
  })

  it('is null for an unknown blob, which may become known', async () => {
    assert.equal(await manifests.find(manifestDigest(zeros(1))), null)
    const digest = await insert(zeros(1))
    assert.equal((await manifests.find(digest))?.chunks.length, 1)
  })
})

describe('manifest that has changed in the registry', () => {
  let digest: string

  beforeEach(async () => {
    digest = await insert(manifestOf(2 * MIB, [digestOf('a'), digestOf('b')]))
  })

  async function tells(reason: RegExp): Promise<void> {
    const { lines, stop } = collectLogs()
    assert.equal(await manifests.find(digest), null)
    assert.match(lines.join(), reason)
    stop()
  }

  it('is null where it lacks chunks: they would read as zeros', async () => {
    await site.registry.delete(blobChunks).where(eq(blobChunks.position, 1))
    await tells(/has 1 chunks for 2097152 bytes, wanted 2/)
  })

  it('is null where a digit of a chunk is another one', async () => {
    const digest = `c${'a'.repeat(63)}`
    await site.registry.update(blobChunks).set({ digest }).where(eq(blobChunks.position, 0))
    await tells(/is not what its name says/)
  })

  it('is null where chunks have changed places', async () => {
    await site.registry.update(blobChunks).set({ digest: digestOf('a') })
    await tells(/is not what its name says/)
  })

  it('is null where a size or a checksum is another one', async () => {
    await site.registry.update(blobs).set({ size: 2 * MIB - 1 })
    await tells(/is not what its name says/)
    await site.registry.update(blobs).set({ size: 2 * MIB, chunk_size: 3 * MIB })
    await tells(/chunk_size is 3145728, wanted a power of two/)
    await site.registry.update(blobs).set({ chunk_size: MIB, checksum: '0'.repeat(32) })
    await tells(/is not what its name says/)
  })
})

describe('size of a chunk', () => {
  it('is that of the piece, and null for a chunk of no blob', async () => {
    await insert(manifestOf(MIB + 5, [digestOf('a'), digestOf('b')]))
    assert.equal(await manifests.sizeOfChunk(digestOf('a')), MIB)
    assert.equal(await manifests.sizeOfChunk(digestOf('b')), 5)
    assert.equal(await manifests.sizeOfChunk(digestOf('c')), null)
  })

  it('is null where the registry says what no chunk may have', async () => {
    await insert(manifestOf(MIB, [digestOf('a')]))
    await site.registry.update(blobs).set({ size: 9e12, chunk_size: 9e12 })
    assert.equal(await manifests.sizeOfChunk(digestOf('a')), null)
    await site.registry.update(blobs).set({ size: MIB, chunk_size: MIB })
    await site.registry.update(blobChunks).set({ position: 1_000_000 })
    assert.equal(await manifests.sizeOfChunk(digestOf('a')), null)
  })
})

describe('memory of manifests', () => {
  it('answers without the registry', async () => {
    const digest = await insert(zeros(2))
    const found = await manifests.find(digest)
    await forget(digest)
    assert.equal(await manifests.find(digest), found)
  })

  it('lets go of what was least recently used when the chunks become too many', async () => {
    const first = await insert(zeros(90_000, '1'))
    const second = await insert(zeros(90_000, '2'))
    const third = await insert(zeros(90_000, '3'))
    await manifests.find(first)
    await manifests.find(second)
    await manifests.find(first)
    await manifests.find(third)
    await Promise.all([first, second, third].map(forget))
    assert.ok(await manifests.find(first))
    assert.equal(await manifests.find(second), null)
    assert.ok(await manifests.find(third))
  })

  it('counts a manifest once that several requests look for at once', async () => {
    const digest = await insert(zeros(140_000))
    await Promise.all([manifests.find(digest), manifests.find(digest)])
    await forget(digest)
    assert.ok(await manifests.find(digest))
  })
})
