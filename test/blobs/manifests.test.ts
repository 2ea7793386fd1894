import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { blobChunks, blobs } from '../../schema/tables.ts'
import { createManifests, type Manifests } from '../../src/blobs/manifests.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

let site: TestRegistry
let manifests: Manifests

beforeEach(async () => {
  site = await openTestRegistry()
  manifests = createManifests(site.registry)
})
afterEach(() => site.close())

const digestOf = (letter: string) => letter.repeat(64)

const CHECKSUM = '0'.repeat(32)

async function insertBlob(digest: string, size: number): Promise<void> {
  await site.registry.insert(blobs).values({
    digest,
    size,
    chunk_size: 8,
    checksum: CHECKSUM,
    hash_algo: 'sha512',
    hash_value: digestOf('f'),
    created_at: 1,
  })
}

/** A blob of so many chunks of zeros. */
async function insertZeros(digest: string, count: number): Promise<void> {
  await insertBlob(digest, count * 8)
  await site.registry.run(sql`
    WITH RECURSIVE positions(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM positions WHERE n < ${count - 1})
    INSERT INTO ${blobChunks} SELECT ${digest}, n, NULL FROM positions`)
}

/** Takes the blob out of the registry, so that only the memory can still know it. */
const forget = (digest: string) => site.registry.delete(blobs).where(eq(blobs.digest, digest))

describe('manifest of a blob', () => {
  it('has the chunks in their order, zeros as null', async () => {
    await insertBlob(digestOf('1'), 20)
    await site.registry.insert(blobChunks).values([
      { blob: digestOf('1'), position: 2, digest: digestOf('b') },
      { blob: digestOf('1'), position: 1, digest: null },
      { blob: digestOf('1'), position: 0, digest: digestOf('a') },
    ])
    assert.deepEqual(await manifests.find(digestOf('1')), {
      size: 20,
      chunkSize: 8,
      checksum: CHECKSUM,
      hashAlgorithm: 'sha512',
      hashValue: digestOf('f'),
      chunks: [digestOf('a'), null, digestOf('b')],
    })
  })

  it('of an empty blob has no chunks', async () => {
    await insertBlob(digestOf('1'), 0)
    assert.deepEqual((await manifests.find(digestOf('1')))?.chunks, [])
  })

  it('is null for an unknown blob, which may become known', async () => {
    assert.equal(await manifests.find(digestOf('1')), null)
    await insertZeros(digestOf('1'), 1)
    assert.equal((await manifests.find(digestOf('1')))?.chunks.length, 1)
  })

  it('is null for a blob that lacks chunks: they would read as zeros', async () => {
    await insertBlob(digestOf('1'), 20)
    assert.equal(await manifests.find(digestOf('1')), null)
  })
})

describe('memory of manifests', () => {
  it('answers without the registry', async () => {
    await insertZeros(digestOf('1'), 2)
    const found = await manifests.find(digestOf('1'))
    await forget(digestOf('1'))
    assert.equal(await manifests.find(digestOf('1')), found)
  })

  it('lets go of what was least recently used when the chunks become too many', async () => {
    const [first, second, third] = [digestOf('1'), digestOf('2'), digestOf('3')]
    await insertZeros(first, 90_000)
    await insertZeros(second, 90_000)
    await insertZeros(third, 90_000)
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
    await insertZeros(digestOf('1'), 140_000)
    await Promise.all([manifests.find(digestOf('1')), manifests.find(digestOf('1'))])
    await forget(digestOf('1'))
    assert.ok(await manifests.find(digestOf('1')))
  })
})
