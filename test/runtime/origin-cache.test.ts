import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RawConfig } from '../../src/config.ts'
import { runUpkeep } from '../../src/runtime/upkeep.ts'
import { flipByte } from '../faults/data.ts'
import {
  BARE_RAW,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  uploadData,
} from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { randomData } from '../support/random-data.ts'
import { startS3Server, type S3Server } from '../support/s3-server.ts'
import { damageObject, digestsOf, farStores, fetchesOf } from '../support/s3-site.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, temporaryFolder } from '../support/site.ts'

const MIB = 1 << 20
const CACHING = { paste_deploy: { flavor: 'trusted+cachemanagement' } }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let s3: S3Server
let site: Awaited<ReturnType<typeof openSiteOn>>

beforeEach(async () => {
  folder = await temporaryFolder()
  s3 = await startS3Server()
  site = await open()
})
afterEach(async () => {
  await site.close()
  s3.close()
  await folder.remove()
})

function open(options: Record<string, string> = {}, more: RawConfig = CACHING) {
  const raw = farStores(s3, folder.path)
  return openSiteOn(folder.path, { ...raw, DEFAULT: { ...raw['DEFAULT'], ...options }, ...more })
}

async function reopen(options: Record<string, string> = {}, more: RawConfig = CACHING) {
  await site.close()
  site = await open(options, more)
}

/** An image in a store, the far one unless another is named. */
async function publish(bytes: Buffer<ArrayBuffer>, store = 'far'): Promise<string> {
  const { id } = await createImage(site, BARE_RAW, ADMIN)
  const headers = { ...ADMIN, 'X-Image-Meta-Store': store }
  assert.equal((await uploadData(site, id, bytes, headers)).status, 204)
  return id
}

const download = (id: string, headers = {}) => downloadData(site, id, { ...ADMIN, ...headers })

async function requireWhole(id: string, bytes: Buffer): Promise<void> {
  const response = await download(id)
  if (response.status !== 200) assert.fail(await response.text())
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes))
}

async function requireLater(response: Response): Promise<void> {
  assert.equal(response.status, 503, await response.text())
  assert.match(response.headers.get('Retry-After') ?? '', /^\d+$/)
}

const ask = (method: string, path: string, headers = {}) =>
  site.request(path, { method, headers: { Accept: 'application/json', ...ADMIN, ...headers } })

async function list(): Promise<{ cached: string[]; queued: string[] }> {
  const { cached_images, queued_images } = await (await ask('GET', '/v2/cache')).json()
  return {
    cached: cached_images.map(({ image_id }: { image_id: string }) => image_id),
    queued: queued_images,
  }
}

async function untilCached(id: string): Promise<void> {
  await eventually(`${id} is cached`, 8_000, async () => (await list()).cached.includes(id) || null)
}

async function cacheFiles(): Promise<string[]> {
  const path = join(folder.path, 'data', 'cache')
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

const fileOf = (digest = '') => join(folder.path, 'data', 'cache', digest.slice(0, 2), digest)

const breakStore = () => {
  s3.trouble = (outgoing) => {
    outgoing.destroy()
    return true
  }
}

describe('an image in a store that is far', () => {
  it('is fetched once, however many read it at once', async () => {
    const bytes = randomData(6 * MIB)
    const id = await publish(bytes)
    await Promise.all(Array.from({ length: 20 }, () => requireWhole(id, bytes)))
    assert.deepEqual(fetchesOf(s3, digestsOf(bytes)), [1, 1, 1, 1, 1, 1])
    assert.deepEqual((await cacheFiles()).toSorted(), digestsOf(bytes).toSorted())
    assert.deepEqual(await list(), { cached: [id], queued: [] })
  })

  it('is fetched only as far as a range reaches (206)', async () => {
    const bytes = randomData(4 * MIB)
    const id = await publish(bytes)
    const response = await download(id, { Range: `bytes=${MIB + 5}-${2 * MIB + 9}` })
    assert.equal(response.status, 206)
    const got = Buffer.from(await response.arrayBuffer())
    assert.ok(got.equals(bytes.subarray(MIB + 5, 2 * MIB + 10)))
    assert.deepEqual(fetchesOf(s3, digestsOf(bytes)), [0, 1, 1, 0])
    assert.deepEqual(await list(), { cached: [], queued: [] })
  })

  it('is still there after a restart, and needs no store then', async () => {
    const bytes = randomData(2 * MIB)
    const id = await publish(bytes)
    await requireWhole(id, bytes)
    await reopen()
    breakStore()
    await requireWhole(id, bytes)
    assert.deepEqual((await list()).cached, [id])
  })

  it('is fetched again where it was damaged in the cache', async () => {
    const bytes = randomData(2 * MIB)
    const id = await publish(bytes)
    await requireWhole(id, bytes)
    const digests = digestsOf(bytes)
    await flipByte(fileOf(digests[1]))
    await requireWhole(id, bytes)
    assert.deepEqual(fetchesOf(s3, digests), [1, 2])
  })

  it('stays within the limit of the cache, and is read whole all the same', async () => {
    await reopen({ image_cache_max_size: String(3 * MIB) })
    const bytes = randomData(8 * MIB)
    const id = await publish(bytes)
    await requireWhole(id, bytes)
    assert.equal((await cacheFiles()).length, 3)
    assert.deepEqual(await list(), { cached: [], queued: [] })
    await reopen({ image_cache_max_size: String(2 * MIB) })
    assert.equal((await cacheFiles()).length, 2)
  })

  it('leaves the cache when it has been deleted', async () => {
    const [shared, own] = [randomData(MIB), randomData(MIB)]
    const bytes = Buffer.concat([shared, own])
    const [gone, stays] = [await publish(bytes), await publish(shared)]
    await ask('PUT', `/v2/cache/${gone}`)
    await untilCached(gone)
    assert.equal((await deleteImage(site, gone, ADMIN)).status, 204)
    await runUpkeep(site.services)
    assert.deepEqual(await cacheFiles(), digestsOf(shared))
    await requireWhole(stays, shared)
  })
})

describe('a store that sends something else', () => {
  it('is passed over for the one that has another copy', async () => {
    const bytes = randomData(3 * MIB)
    const [id, copy] = [await publish(bytes), await publish(bytes, 'other')]
    const [first = '', , last = ''] = digestsOf(bytes)
    damageObject(s3, 'images', first)
    damageObject(s3, 'images', last)
    await requireWhole(id, bytes)
    await requireWhole(copy, bytes)
    assert.deepEqual(fetchesOf(s3, [first, last]), [2, 2])
  })

  it('is not believed where it has the only copy (503)', async () => {
    const bytes = randomData(MIB)
    const id = await publish(bytes)
    damageObject(s3, 'images', digestsOf(bytes)[0] ?? '')
    await requireLater(await download(id))
    assert.deepEqual(await cacheFiles(), [])
  })
})

describe('a store that has gone', () => {
  it('keeps nobody from what is here (200, 206), and from the rest before the first byte (503)', async () => {
    const bytes = randomData(4 * MIB)
    const [whole, none] = [randomData(2 * MIB), randomData(MIB)]
    const [wholeId, partId, noneId] = [
      await publish(whole),
      await publish(bytes),
      await publish(none),
    ]
    await requireWhole(wholeId, whole)
    await (await download(partId, { Range: `bytes=0-${2 * MIB - 1}` })).arrayBuffer()
    breakStore()
    await requireWhole(wholeId, whole)
    const part = await download(partId, { Range: `bytes=7-${2 * MIB - 1}` })
    assert.equal(part.status, 206)
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(7, 2 * MIB)))
    await requireLater(await download(partId))
    await requireLater(await download(noneId))
    s3.trouble = null
    await requireWhole(partId, bytes)
    await requireWhole(noneId, none)
  })
})

describe('the cache of an origin', () => {
  it('fetches what it is asked to keep in the background (202)', async () => {
    const bytes = randomData(3 * MIB)
    const id = await publish(bytes)
    assert.equal((await ask('PUT', `/v2/cache/${id}`)).status, 202)
    await untilCached(id)
    breakStore()
    await requireWhole(id, bytes)
    assert.deepEqual(fetchesOf(s3, digestsOf(bytes)), [1, 1, 1])
  })

  it('keeps what it was asked to keep, and removes it when told so (204)', async () => {
    await reopen({ image_cache_max_size: String(3 * MIB) })
    const [kept, other] = [randomData(2 * MIB), randomData(4 * MIB)]
    const [keptId, otherId] = [await publish(kept), await publish(other)]
    await ask('PUT', `/v2/cache/${keptId}`)
    await untilCached(keptId)
    await requireWhole(otherId, other)
    assert.deepEqual((await list()).cached, [keptId])
    assert.equal((await ask('DELETE', `/v2/cache/${keptId}`)).status, 204)
    assert.deepEqual((await list()).cached, [])
    assert.equal((await cacheFiles()).length, 1)
    await requireWhole(keptId, kept)
  })

  it('is cleared, cleaned and pruned (204, 200)', async () => {
    const bytes = randomData(2 * MIB)
    const id = await publish(bytes)
    await requireWhole(id, bytes)
    const pruned = await ask('POST', '/v2/cache/prune')
    assert.deepEqual(await pruned.json(), { total_files_pruned: 0, total_bytes_pruned: 0 })
    assert.equal((await ask('POST', '/v2/cache/clean')).status, 200)
    assert.deepEqual((await list()).cached, [id])
    assert.equal((await ask('DELETE', '/v2/cache')).status, 204)
    assert.deepEqual(await list(), { cached: [], queued: [] })
    assert.deepEqual(await cacheFiles(), [])
    await requireWhole(id, bytes)
  })

  it('may keep an image of a store on this machine too (202)', async () => {
    const bytes = randomData(2 * MIB)
    const id = await publish(bytes, 'files')
    await requireWhole(id, bytes)
    assert.deepEqual(await cacheFiles(), [])
    assert.equal((await ask('PUT', `/v2/cache/${id}`)).status, 202)
    await untilCached(id)
    assert.deepEqual((await cacheFiles()).toSorted(), digestsOf(bytes).toSorted())
    await requireWhole(id, bytes)
  })

  it('is told of by the metrics that an edge has too', async () => {
    const [far, near] = [randomData(2 * MIB), randomData(MIB)]
    const [farId, nearId] = [await publish(far), await publish(near, 'files')]
    for (const _ of [1, 2]) await requireWhole(farId, far)
    await requireWhole(nearId, near)
    const text = await (await ask('GET', '/metrics')).text()
    const values = [
      'misses_total 2',
      'evictions_total 0',
      'resident_chunks 2',
      `resident_bytes ${2 * MIB}`,
      `upstream_bytes_total ${2 * MIB}`,
      `bytes_sent_total{source="upstream"} ${2 * MIB}`,
      `bytes_sent_total{source="resident"} ${3 * MIB}`,
    ]
    for (const value of values) assert.ok(text.includes(`\nheliostat_${value}\n`), value)
    assert.doesNotMatch(text, /heliostat_feed_lag/)
  })

  it('is no folder of a store, whose chunks it would remove', async () => {
    const options = { image_cache_dir: join(folder.path, 'files', 'chunks') }
    await assert.rejects(open(options), /image_cache_dir: got .* which holds the chunks of a store/)
    await publish(randomData(MIB), 'files')
    const elsewhere = { data_dir: join(folder.path, 'elsewhere') }
    const other = openSiteOn(folder.path, { heliostat: elsewhere, DEFAULT: options, ...CACHING })
    await assert.rejects(other, /wanted a folder that no store has/)
  })

  it('is there only where the flavor says so (404)', async () => {
    const bytes = randomData(2 * MIB)
    const id = await publish(bytes)
    await ask('PUT', `/v2/cache/${id}`)
    await untilCached(id)
    await reopen({}, { paste_deploy: { flavor: 'trusted' } })
    const response = await ask('GET', '/v2/cache')
    assert.equal(response.status, 404)
    assert.equal((await ask('GET', '/v2/cached_images')).status, 404)
    assert.equal(await errorMessage(response), 'Caching via API is not supported at this site.')
    await requireWhole(id, bytes)
  })
})
