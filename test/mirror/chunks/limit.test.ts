import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { BARE_RAW, createImage, downloadData, uploadData } from '../../support/images.ts'
import {
  MIB,
  sha256,
  siteAt,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
} from '../../support/mirrors.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { eventually } from '../../support/server.ts'

const LIMIT = 64 * MIB
const SIZE = 48 * MIB
const CHUNK = MIB
/** Shorter than the writing of a chunk and its syncs, longer than the looking takes. */
const BETWEEN_LOOKS_MS = 5

interface Published {
  id: string
  digest: string
}

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let origin: RunningProcess
let edge: RunningProcess
let images: [Published, Published, Published]
let edgeData = ''
let watch: ReturnType<typeof watchSize>

async function publish(size: number): Promise<Published> {
  const site = siteAt(origin.url)
  const { id } = await createImage(site, BARE_RAW)
  const bytes = new Uint8Array(randomData(size))
  assert.equal((await uploadData(site, id, bytes)).status, 204)
  return { id, digest: sha256(bytes) }
}

async function read({ id, digest }: Published): Promise<void> {
  const response = await downloadData(siteAt(edge.url), id)
  assert.equal(response.status, 200)
  assert.equal(sha256(new Uint8Array(await response.arrayBuffer())), digest)
}

async function pin({ id }: Published): Promise<void> {
  await untilActive(edge.url, id)
  const response = await fetch(`${edge.url}/v2/cache/${id}`, { method: 'PUT' })
  assert.equal(response.status, 202)
}

async function cacheList() {
  return (await fetch(`${edge.url}/v2/cache`)).json()
}

async function cachedIds(): Promise<string[]> {
  const { cached_images } = await cacheList()
  return cached_images.map((image: { image_id: string }) => image.image_id)
}

function untilCached({ id }: Published): Promise<true> {
  return eventually(`${id} is cached`, 20_000, async () =>
    (await cachedIds()).includes(id) ? true : null,
  )
}

/** Whole chunks and unfinished ones: bytes of the first, number of the second. */
async function measure(folder: string) {
  const found = { stored: 0, unfinished: 0 }
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    if (entry.name.endsWith('.tmp')) found.unfinished++
    else {
      const file = await stat(join(entry.parentPath, entry.name)).catch(() => null)
      found.stored += file?.size ?? 0
    }
  }
  return found
}

/** Looks at the folder of the chunks again and again, and remembers the most that was in it. */
function watchSize(dataDir: string) {
  const most = { stored: 0, unfinished: 0 }
  let stopped = false
  async function look(): Promise<void> {
    while (!stopped) {
      const { stored, unfinished } = await measure(join(dataDir, 'chunks'))
      most.stored = Math.max(most.stored, stored)
      most.unfinished = Math.max(most.unfinished, unfinished)
      await setTimeout(BETWEEN_LOOKS_MS)
    }
  }
  const looking = look()
  return {
    async end() {
      stopped = true
      await looking
      return most
    },
  }
}

before(async () => {
  folders = await temporaryFolders(4)
  origin = await startOrigin(folders.paths[0] ?? '')
  images = [await publish(SIZE), await publish(SIZE), await publish(SIZE)]
})
after(async () => {
  await origin.stop()
  await folders.remove()
})

let started = 0
beforeEach(async () => {
  edgeData = folders.paths[++started] ?? ''
  edge = await startEdge(edgeData, origin.url, {
    HELIOSTAT_IMAGE_CACHE_MAX_SIZE: String(LIMIT),
  })
  for (const { id } of images) await untilActive(edge.url, id)
  watch = watchSize(edgeData)
})
afterEach(async () => {
  await watch.end()
  await edge.stop()
})

/** A file that is being replaced may be seen beside the one that made room for it. */
const SLACK = 8 * CHUNK

describe('an edge whose limit is less than its images', () => {
  it('keeps to it while images are read in turn and at once (200)', async () => {
    for (const image of [...images, images[0]]) await read(image)
    await Promise.all([...images, ...images].map(read))
    const { stored, unfinished } = await watch.end()
    assert.ok(stored > LIMIT / 2, `at most ${stored} bytes were stored`)
    assert.ok(stored <= LIMIT + SLACK, `${stored} bytes were stored`)
    assert.ok(unfinished <= 6 * 5, `${unfinished} files were unfinished`)
    assert.ok((await measure(join(edgeData, 'chunks'))).stored <= LIMIT)
  })

  it('keeps what is pinned while others are read (200)', async () => {
    const [pinned, ...others] = images
    await pin(pinned)
    await untilCached(pinned)
    for (const image of others) await read(image)
    await Promise.all(others.map(read))
    assert.ok((await cachedIds()).includes(pinned.id))
    const { stored } = await watch.end()
    assert.ok(stored <= LIMIT + SLACK, `${stored} bytes were stored`)
  })

  it('does not fetch a pinned image that does not fit beside another, and says so', async () => {
    const [first, second] = images
    await pin(first)
    await untilCached(first)
    await pin(second)
    const small = await publish(4 * MIB)
    await pin(small)
    await untilCached(small)
    assert.deepEqual((await cacheList()).queued_images, [second.id])
    const progress = await (await fetch(`${edge.url}/v2/cache/prefetch`)).json()
    assert.deepEqual(progress.too_large, [second.id])
    assert.match(edge.log(), /does not fit beside the other pinned ones/)
    assert.ok((await cachedIds()).includes(first.id))
    await read(second)
    assert.deepEqual((await cachedIds()).toSorted(), [first.id, small.id].toSorted())
  })
})
