import assert from 'node:assert/strict'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { blobChunks, blobs, condemnedChunks } from '../../schema/tables.ts'
import { createChunkBuffers } from '../../src/blobs/chunk-buffers.ts'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import type { ChunkStore, OwnedStore, UnfinishedWrites } from '../../src/blobs/store.ts'
import { createProjectLimits } from '../../src/images/project-limits.ts'
import { createImageRepo, type ImageRepo } from '../../src/images/repo.ts'
import { createUploadRepo, type UploadRepo } from '../../src/images/upload/rows.ts'
import { createUploader, type Uploader } from '../../src/images/upload/uploader.ts'
import { CONDEMNED_MS } from '../../src/inventory/condemned.ts'
import type { Upload } from '../../src/inventory/leases.ts'
import { createStoreOwner } from '../../src/inventory/store-owner.ts'
import { createSweeper, type Sweeper } from '../../src/inventory/sweep.ts'
import { databaseTime } from '../../src/registry/database-time.ts'
import { createLooseObjects } from '../../src/stores/loose.ts'
import type { Store } from '../../src/stores/store.ts'
import { type Chunk, chunkOf, gather, randomChunk } from '../support/chunks.ts'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { openTestRegistry, queuedImage, newUpload, type TestRegistry } from '../support/registry.ts'
import { createTestSite } from '../support/site.ts'
import { chunksIn } from '../support/stores.ts'

const GRACE = 60 * 60_000
const CHUNK_SIZE = 4
const ID = 'this-registry'
const STORE = 'file'

let site: TestRegistry
let store: ChunkStore & OwnedStore
let sweeper: Sweeper
let images: ImageRepo
let uploads: UploadRepo
let uploader: Uploader
let target: Store

async function open() {
  mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  site = await openTestRegistry()
  store = createMemoryStore()
  await store.setOwner(ID)
  sweeper = sweeperOf(store)
  images = createImageRepo(site.registry)
  uploads = createUploadRepo(site.registry)
  target = chunksIn(store, { owner: ownerOf(store) })
  uploader = createUploader({
    uploads,
    looseObjects: createLooseObjects(site.registry, { all: [target] }),
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    sweeper,
    limits: createProjectLimits(site.registry, null),
    signatures: { open: async () => null },
    options: {
      chunk_size: CHUNK_SIZE,
      image_size_cap: 1 << 20,
      hashing_algorithm: 'sha512',
      checksum: 'md5',
      require_image_format_match: false,
      gpt_safety_checks_nonfatal: [],
      unpacks: false,
    },
  })
}

function sweeperOf(
  swept: ChunkStore & OwnedStore,
  {
    isEdge = false,
    unfinished = null,
  }: { isEdge?: boolean; unfinished?: UnfinishedWrites | null } = {},
): Sweeper {
  const { registry } = site
  const stores = [{ id: STORE, chunks: swept, unfinished, owner: ownerOf(swept, isEdge) }]
  return createSweeper({ registry, stores, damage: () => null })
}

function ownerOf(store: ChunkStore & OwnedStore, isEdge = false) {
  const { registry } = site
  return createStoreOwner({ registry, storeId: STORE, store, id: async () => ID, isEdge })
}

async function close() {
  await site.close()
  mock.timers.reset()
}

const unannounced = () =>
  ({ intake: 'upload', expectedSize: null, projectId: null, token: null, store: target }) as const

const pass = (milliseconds: number) => mock.timers.tick(milliseconds)

const stored = async () => (await gather(store.list())).map(({ digest }) => digest)

const digestsOf = (...texts: string[]) =>
  texts.map((text) => chunkOf(new TextEncoder().encode(text)).digest).toSorted()

async function put(chunk = randomChunk(8)): Promise<Chunk> {
  await store.put(chunk.digest, chunk.bytes)
  return chunk
}

/** An active image of these bytes, four of which are a chunk. */
async function imageOf(text: string): Promise<string> {
  const image = queuedImage()
  await images.create(image)
  await uploader.upload(image, () => new Blob([text]).stream(), unannounced())
  return image.id
}

/** An upload that has begun and goes on. */
async function runningUpload(): Promise<Upload> {
  const image = queuedImage()
  await images.create(image)
  const upload = newUpload(image.id, STORE)
  assert.equal(await uploads.begin(upload, Date.now()), 'begun')
  return upload
}

describe('unreferenced chunk', () => {
  beforeEach(open)
  afterEach(close)

  it('stays for the grace period and goes after it', async () => {
    const { digest } = await put()
    pass(GRACE - 1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    assert.deepEqual(await stored(), [digest])
    pass(1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 1 })
    assert.deepEqual(await stored(), [])
  })

  it('goes in company: more of them than are removed at once', async () => {
    const old = await Promise.all(Array.from({ length: 150 }, () => put()))
    pass(GRACE)
    const young = await put()
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: old.length })
    assert.deepEqual(await stored(), [young.digest])
  })

  it('goes although others cannot be removed, which is told in the end', async () => {
    const chunks = await Promise.all(Array.from({ length: 150 }, () => put()))
    const stuck = chunks.map(({ digest }) => digest).toSorted()[0] ?? ''
    pass(GRACE)
    const failing = {
      ...store,
      async delete(digest: string) {
        if (digest === stuck) throw new Error('EACCES')
        await store.delete(digest)
      },
    }
    await assert.rejects(sweeperOf(failing).sweep(GRACE), /EACCES/)
    assert.deepEqual(await stored(), [stuck])
  })

  it('is gone after two sweepers at once', async () => {
    await Promise.all(Array.from({ length: 150 }, () => put()))
    pass(GRACE)
    await Promise.all([sweeper.sweep(GRACE), sweeperOf(store).sweep(GRACE)])
    assert.deepEqual(await stored(), [])
    assert.deepEqual(await site.registry.select().from(condemnedChunks), [])
  })
})

describe('chunk of an image', () => {
  beforeEach(open)
  afterEach(close)

  it('stays, however old', async () => {
    await imageOf('abcdefgh')
    pass(10 * GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    assert.deepEqual(await sweeper.sweep(0), { blobs: 0, chunks: 0 })
    assert.deepEqual(await stored(), digestsOf('abcd', 'efgh'))
  })

  it('goes with the image, once the grace period is over', async () => {
    const id = await imageOf('abcdefgh')
    pass(GRACE)
    await images.delete(id, Date.now())
    pass(GRACE - 1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    pass(1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 1, chunks: 2 })
    assert.deepEqual(await stored(), [])
    assert.deepEqual(await site.registry.select().from(blobs), [])
    assert.deepEqual(await site.registry.select().from(blobChunks), [])
  })

  it('stays while another image has a chunk of the same bytes', async () => {
    const id = await imageOf('abcdefgh')
    await imageOf('efghijkl')
    await images.delete(id, Date.now())
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 1, chunks: 1 })
    assert.deepEqual(await stored(), digestsOf('efgh', 'ijkl'))
  })
})

describe('blob of two images', () => {
  beforeEach(open)
  afterEach(close)

  it('stays until both are gone and the grace period is over for the last', async () => {
    const first = await imageOf('abcdefgh')
    const second = await imageOf('abcdefgh')
    await images.delete(first, Date.now())
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    await images.delete(second, Date.now())
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 1, chunks: 2 })
    assert.deepEqual(await stored(), [])
  })

  it('stays when the second one comes after the first was deleted', async () => {
    await images.delete(await imageOf('abcdefgh'), Date.now())
    pass(GRACE / 2)
    await imageOf('abcdefgh')
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    assert.deepEqual(await stored(), digestsOf('abcd', 'efgh'))
  })
})

describe('chunk of a running upload', () => {
  beforeEach(open)
  afterEach(close)

  it('stays, however old, until the upload has ended', async () => {
    const { digest } = await put()
    const upload = await runningUpload()
    assert.equal(await uploads.keep(upload, 0, digest), 'kept')
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    assert.deepEqual(await stored(), [digest])
    await uploads.abort(upload, Date.now())
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 1 })
  })

  it('is kept beside chunks of zeros', async () => {
    const { digest } = await put()
    const upload = await runningUpload()
    assert.equal(await uploads.keep(upload, 0, null), 'kept')
    assert.equal(await uploads.keep(upload, 1, digest), 'kept')
    pass(GRACE)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
  })

  it('cannot be kept for an upload that was ended', async () => {
    const { digest } = await put()
    const upload = await runningUpload()
    await uploads.abort(upload, Date.now())
    assert.equal(await uploads.keep(upload, 0, digest), 'gone')
  })
})

describe('condemned chunk', () => {
  beforeEach(open)
  afterEach(close)

  const condemn = (digest: string) =>
    site.registry
      .insert(condemnedChunks)
      .values({ store: STORE, digest, condemned_at: databaseTime })
  /** As if so many milliseconds had passed for the database, by whose time a chunk is condemned. */
  const passForCondemned = (milliseconds: number) =>
    site.registry.update(condemnedChunks).set({ condemned_at: sql`condemned_at - ${milliseconds}` })

  it('is out of reach of uploads while it is removed, and free when it is gone', async () => {
    const chunk = await put()
    const upload = await runningUpload()
    const heard: string[] = []
    const watched: ChunkStore & OwnedStore = {
      ...store,
      async delete(digest) {
        heard.push(await uploads.keep(upload, 0, digest))
        await store.delete(digest)
      },
    }
    pass(GRACE)
    assert.equal((await sweeperOf(watched).sweep(GRACE)).chunks, 1)
    assert.deepEqual(heard, ['busy'])
    assert.equal(await uploads.keep(upload, 0, chunk.digest), 'kept')
  })

  it('holds up an upload of the same bytes until it is gone, and then is stored again', async () => {
    const abcd = chunkOf(new TextEncoder().encode('abcd'))
    await put(abcd)
    pass(GRACE)
    const uploading: Promise<string>[] = []
    const slow: ChunkStore & OwnedStore = {
      ...store,
      async delete(digest) {
        uploading.push(imageOf('abcd'))
        await new Promise((resolve) => setTimeout(resolve, 20))
        await store.delete(digest)
      },
    }
    await sweeperOf(slow).sweep(GRACE)
    assert.equal(uploading.length, 1)
    await Promise.all(uploading)
    assert.deepEqual(await stored(), [abcd.digest])
  })

  it('may be had again a minute after its sweeper has died', async () => {
    const { digest } = await put()
    const upload = await runningUpload()
    await condemn(digest)
    await passForCondemned(CONDEMNED_MS - 1_000)
    assert.equal(await uploads.keep(upload, 0, digest), 'busy')
    await passForCondemned(1_000)
    assert.equal(await uploads.keep(upload, 0, digest), 'kept')
  })

  it('is left to its sweeper for a minute and then removed by the next', async () => {
    const { digest } = await put()
    pass(GRACE)
    await condemn(digest)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 0 })
    assert.deepEqual(await stored(), [digest])
    await passForCondemned(CONDEMNED_MS + 1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 1 })
    assert.deepEqual(await site.registry.select().from(condemnedChunks), [])
  })

  it('is spared by a sweeper that has been too slow to still own it', async () => {
    await Promise.all([put(), put(), put()])
    pass(GRACE)
    const slow: ChunkStore & OwnedStore = {
      ...store,
      async delete(digest) {
        await store.delete(digest)
        pass(CONDEMNED_MS / 2 + 1)
      },
    }
    assert.deepEqual(await sweeperOf(slow).sweep(GRACE), { blobs: 0, chunks: 1 })
    assert.equal((await stored()).length, 2)
    assert.deepEqual(await site.registry.select().from(condemnedChunks), [])
  })

  it('stays out of reach when the store fails, and goes in a later sweep', async () => {
    const { digest } = await put()
    const upload = await runningUpload()
    pass(GRACE)
    const broken: ChunkStore & OwnedStore = {
      ...store,
      delete: () => Promise.reject(new Error('Input/output error')),
    }
    await assert.rejects(sweeperOf(broken).sweep(GRACE), /Input\/output error/)
    assert.equal(await uploads.keep(upload, 0, digest), 'busy')
    await passForCondemned(CONDEMNED_MS + 1)
    assert.deepEqual(await sweeper.sweep(GRACE), { blobs: 0, chunks: 1 })
  })
})

describe('discard', () => {
  beforeEach(open)
  afterEach(close)

  it('removes what nothing needs, however young', async () => {
    const { digest } = await put()
    const other = await put()
    await sweeper.discard(STORE, [digest])
    assert.deepEqual(await stored(), [other.digest])
  })

  it('leaves what an image or a running upload needs', async () => {
    await imageOf('abcdefgh')
    const { digest } = await put()
    await uploads.keep(await runningUpload(), 0, digest)
    const before = await stored()
    await sweeper.discard(STORE, before)
    assert.deepEqual(await stored(), before)
  })

  it('takes any number of chunks, absent ones included', async () => {
    const chunks = await Promise.all(Array.from({ length: 150 }, () => put()))
    await sweeper.discard(STORE, [...chunks.map(({ digest }) => digest), randomChunk(8).digest])
    await sweeper.discard(STORE, [])
    assert.deepEqual(await stored(), [])
    assert.deepEqual(await site.registry.select().from(condemnedChunks), [])
  })
})

describe('failed upload', () => {
  beforeEach(open)
  afterEach(close)

  it('leaves no chunk behind but those that an image has too', async () => {
    await imageOf('abcd')
    const image = queuedImage()
    await images.create(image)
    const body = () => new Blob(['abcdefghijkl']).stream()
    await assert.rejects(
      uploader.upload(image, body, { ...unannounced(), expectedSize: 13 }),
      /Size mismatch/,
    )
    assert.deepEqual(await stored(), digestsOf('abcd'))
  })
})

describe('unfinished writes', () => {
  beforeEach(open)
  afterEach(close)

  it('are cleared away when they began before the grace period, and ten minutes ago', async () => {
    const given: number[] = []
    const unfinished: UnfinishedWrites = {
      removeUnfinished: async (before) => void given.push(Date.now() - before),
    }
    await sweeperOf(store, { unfinished }).sweep(GRACE)
    await sweeperOf(store, { unfinished }).sweep(0)
    assert.deepEqual(given, [GRACE, 10 * 60_000])
  })
})

describe('store that bears no name', () => {
  beforeEach(async () => {
    await open()
    store = createMemoryStore()
    sweeper = sweeperOf(store)
  })
  afterEach(close)

  it('is claimed while it is empty', async () => {
    await sweeper.sweep(GRACE)
    assert.equal(await store.owner(), ID)
  })

  it('is claimed by a registry that has bytes of images', async () => {
    await imageOf('abcd')
    await put()
    assert.deepEqual(await sweeper.sweep(0), { blobs: 0, chunks: 1 })
    assert.equal(await store.owner(), ID)
  })

  it('is claimed by the first chunk of an upload, even of one that fails', async () => {
    const fresh = await createTestSite({
      DEFAULT: { image_size_cap: '1500000' },
      ...SMALL_CHUNKS,
    })
    const { id } = await createImage(fresh, BARE_RAW)
    const body = new Blob([new Uint8Array(2 << 20).fill(1)]).stream()
    assert.equal((await uploadData(fresh, id, body)).status, 413)
    assert.deepEqual(await gather(fresh.store.list()), [])
    assert.equal(await fresh.store.owner(), (await fresh.services.feed.sites())[0])
    await fresh.close()
  })

  it('is left alone by a registry that has none', async () => {
    const { digest } = await put()
    await assert.rejects(sweeper.sweep(0), /belong to no known registry, not to .*"this-registry"/)
    await sweeper.discard(STORE, [digest])
    assert.deepEqual(await stored(), [digest])
    assert.equal(await store.owner(), null)
  })

  it('is swept by an edge, which leaves no name', async () => {
    await put()
    assert.deepEqual(await sweeperOf(store, { isEdge: true }).sweep(0), { blobs: 0, chunks: 1 })
    assert.equal(await store.owner(), null)
  })
})

describe('store of another registry', () => {
  beforeEach(async () => {
    await open()
    await imageOf('abcd')
    await store.setOwner('another')
  })
  afterEach(close)

  it('is left alone, by an edge too', async () => {
    await put()
    const before = await stored()
    const refused = {
      code: 'conflict',
      message: /belong to the registry "another", not to .*"this-registry".*db sweep --adopt$/,
    }
    await assert.rejects(sweeper.sweep(0), refused)
    await assert.rejects(sweeperOf(store, { isEdge: true }).sweep(0), refused)
    await sweeper.discard(STORE, before)
    assert.deepEqual(await stored(), before)
  })
})
