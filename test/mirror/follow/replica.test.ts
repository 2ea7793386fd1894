import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { gt } from 'drizzle-orm'
import { blobChunks, blobs, imageLocations } from '../../../schema/tables.ts'
import { type Manifest, manifestDigest } from '../../../src/blobs/manifest.ts'
import { createManifests } from '../../../src/inventory/manifests.ts'
import { createFeed } from '../../../src/mirror/feed/reader.ts'
import type { ImageRecord } from '../../../src/mirror/feed/records.ts'
import { createReplica, type Replica } from '../../../src/mirror/follow/replica.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../../support/registry.ts'

const MIB = 1 << 20
const cursor = { epoch: 'epoch', seq: 7, sites: ['near', 'far'] }

let site: TestRegistry
let replica: Replica

beforeEach(async () => {
  site = await openTestRegistry()
  replica = createReplica(site.registry)
})

afterEach(() => site.close())

describe('records of an upstream', () => {
  it('are taken over whole, with the cursor', async () => {
    const manifest = manifestOf('a')
    const record = recordOf({ blob: manifestDigest(manifest), tags: ['b', 'a'] })
    await replica.apply([record], named(manifest), cursor)
    assert.deepEqual(await known(), [record])
    const blob = record.blob ?? ''
    assert.deepEqual(await createManifests(site.registry).find(blob), { ...manifest, blob })
    assert.deepEqual(await replica.cursor(), cursor)
    assert.deepEqual((await createFeed(site.registry).sites()).slice(1), ['near', 'far'])
  })

  it('change nothing when they come again', async () => {
    const manifest = manifestOf('a')
    const record = recordOf({ blob: manifestDigest(manifest) })
    await replica.apply([record], named(manifest), cursor)
    await replica.apply([record], named(manifest), cursor)
    assert.deepEqual(await known(), [record])
    assert.equal((await site.registry.select().from(imageLocations)).length, 1)
    assert.deepEqual(await released(), [])
  })

  it('replace what was there, to the last tag, property and member', async () => {
    const record = recordOf({ tags: ['old'], properties: { os_distro: 'debian', kept: '1' } })
    await replica.apply([record], new Map(), cursor)
    const later = { ...record, name: 'new', tags: [], properties: { kept: null }, members: [] }
    await replica.apply([later], new Map(), cursor)
    assert.deepEqual(await known(), [later])
  })

  it('are told on, in their order', async () => {
    const records = [recordOf({}), recordOf({})]
    await replica.apply(records, new Map(), cursor)
    const { changes } = await createFeed(site.registry).changes(0)
    assert.deepEqual(
      changes.map(({ image }) => image),
      records,
    )
  })

  it('are applied all or none, with the cursor', async () => {
    const record = recordOf({ blob: 'f'.repeat(64) })
    await assert.rejects(replica.apply([recordOf({}), record], new Map(), cursor))
    assert.deepEqual(await known(), [])
    assert.equal(await replica.cursor(), null)
  })

  it('may be many, with many properties each', async () => {
    const properties = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}`, `${i}`]))
    const records = Array.from({ length: 500 }, () => recordOf({ properties }))
    await replica.apply(records, new Map(), cursor)
    const sorted = records.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    assert.deepEqual(await known(), sorted)
  })

  it('may be none', async () => {
    await replica.apply([], new Map(), null)
    assert.equal(await replica.cursor(), null)
  })
})

describe('a blob', () => {
  it('is released when its last image leaves it, and no sooner', async () => {
    const manifest = manifestOf('a')
    const blob = manifestDigest(manifest)
    const [first, second] = [recordOf({ blob }), recordOf({ blob })]
    await replica.apply([first, second], named(manifest), cursor)
    await replica.apply([{ ...first, blob: null, status: 'deleted' }], new Map(), cursor)
    assert.deepEqual(await released(), [])
    await replica.apply([{ ...second, blob: null, status: 'deleted' }], new Map(), cursor)
    assert.deepEqual(await released(), [blob])
  })

  it('is needed again when an image comes back to it', async () => {
    const manifest = manifestOf('a')
    const record = recordOf({ blob: manifestDigest(manifest) })
    await replica.apply([record], named(manifest), cursor)
    await replica.apply([{ ...record, blob: null }], new Map(), cursor)
    await replica.apply([record], new Map(), cursor)
    assert.deepEqual(await released(), [])
    assert.deepEqual(await known(), [record])
  })

  it('gives way to another one in one step', async () => {
    const [before, after] = [manifestOf('a'), manifestOf('b')]
    const record = recordOf({ blob: manifestDigest(before) })
    await replica.apply([record], named(before), cursor)
    await replica.apply([{ ...record, blob: manifestDigest(after) }], named(after), cursor)
    assert.deepEqual(await released(), [manifestDigest(before)])
    assert.deepEqual(
      (await known()).map(({ blob }) => blob),
      [manifestDigest(after)],
    )
  })

  it('is missing until its manifest is here', async () => {
    const manifest = manifestOf('a')
    const digest = manifestDigest(manifest)
    assert.deepEqual(await replica.missingBlobs([digest, digest]), [digest])
    await replica.apply([], named(manifest), null)
    assert.deepEqual(await replica.missingBlobs([digest]), [])
    assert.deepEqual(await replica.missingBlobs([]), [])
    assert.equal((await site.registry.select().from(blobChunks)).length, 2)
  })
})

describe('a manifest of many chunks', () => {
  const size = 20_000 * MIB
  const chunks = Array.from({ length: 20_000 }, (_, i) => i.toString(16).padStart(64, '0'))
  const large = { ...manifestOf('a'), size, chunks }
  const digest = manifestDigest(large)

  it('is stored in pieces, and is not swept once an image has it', async () => {
    await replica.keepManifest(digest, large)
    assert.deepEqual(await released(), [digest])
    await replica.apply([recordOf({ blob: digest })], new Map(), cursor)
    assert.deepEqual(await released(), [])
    assert.deepEqual(await createManifests(site.registry).find(digest), { ...large, blob: digest })
    assert.deepEqual(await replica.missingBlobs([digest]), [])
  })

  it('is missing where its storing was broken off, and can be stored then', async () => {
    await replica.keepManifest(digest, large)
    await site.registry.delete(blobChunks).where(gt(blobChunks.position, 8_000))
    assert.deepEqual(await replica.missingBlobs([digest]), [digest])
    await replica.keepManifest(digest, large)
    assert.deepEqual(await createManifests(site.registry).find(digest), { ...large, blob: digest })
  })
})

describe('a snapshot', () => {
  it('leaves only its own images, and the blobs that they share with others', async () => {
    const [shared, own] = [manifestOf('a'), manifestOf('b')]
    const kept = recordOf({ blob: manifestDigest(shared) })
    const gone = [
      recordOf({ blob: manifestDigest(shared) }),
      recordOf({ blob: manifestDigest(own) }),
    ]
    await replica.apply([kept, ...gone], new Map([...named(shared), ...named(own)]), cursor)
    const epoch = await createFeed(site.registry).epoch()
    await replica.keepOnly([kept.id])
    assert.deepEqual(await known(), [kept])
    assert.deepEqual(await released(), [manifestDigest(own)])
    assert.notEqual(await createFeed(site.registry).epoch(), epoch)
  })
})

function known(): Promise<ImageRecord[]> {
  return createFeed(site.registry).page('')
}

async function released(): Promise<string[]> {
  const rows = await site.registry.select().from(blobs)
  return rows.filter((row) => row.released_at !== null).map(({ digest }) => digest)
}

function recordOf(attributes: Partial<ImageRecord>): ImageRecord {
  const member = { member: 'project', status: 'pending' as const, created_at: 1, updated_at: 2 }
  return {
    ...queuedRow(),
    tags: ['stable'],
    properties: { os_distro: 'debian' },
    members: [{ ...member, deleted_at: null }],
    blob: null,
    ...attributes,
  }
}

function named(manifest: Manifest): Map<string, Manifest> {
  return new Map([[manifestDigest(manifest), manifest]])
}

/** Two chunks, the second of which is zeros. */
function manifestOf(digit: string): Manifest {
  return {
    size: MIB + 4,
    chunkSize: MIB,
    checksum: digit.repeat(32),
    hashAlgorithm: 'sha512',
    hashValue: digit.repeat(128),
    chunks: [digit.repeat(64), null],
  }
}
