import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { isDigest } from '../../../src/blobs/store.ts'
import { chunkFiles } from '../../faults/data.ts'
import { BARE_RAW, createImage, deleteImage, uploadData } from '../../support/images.ts'
import {
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
  untilSynced,
} from '../../support/mirrors.ts'
import type { RunningProcess } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { randomData } from '../../support/random-data.ts'
import { eventually } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let origin: RunningProcess
let edge: RunningProcess | null

const originSite = {
  request: (path: string, init?: RequestInit) => fetch(`${origin.url}${path}`, init),
}

before(async () => {
  folders = await temporaryFolders(1)
  origin = await startOrigin(folders.paths[0] ?? '')
})
after(async () => {
  await origin.stop()
  await folders.remove()
})

beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(async () => {
  await edge?.stop()
  edge = null
  await folder.remove()
})

async function publish(attributes: object, size = 2 * MIB): Promise<string> {
  const { id } = await createImage(originSite, { ...BARE_RAW, ...attributes })
  assert.equal((await uploadData(originSite, id, new Uint8Array(randomData(size)))).status, 204)
  return id
}

async function start(options: Record<string, string>, upstream = origin.url): Promise<string> {
  const env = Object.entries(options).map(([name, value]) => [`HELIOSTAT_MIRROR__${name}`, value])
  edge = await startEdge(folder.path, upstream, Object.fromEntries(env))
  await untilSynced(edge.url)
  return edge.url
}

async function cacheList(url: string) {
  return (await fetch(`${url}/v2/cache`)).json()
}

/** How far the fetching is. */
async function progressAt(url: string) {
  return (await fetch(`${url}/v2/cache/prefetch`)).json()
}

function untilCached(url: string, ids: string[]): Promise<string[]> {
  return eventually(`${ids.join()} are cached`, 10_000, async () => {
    const { cached_images } = await cacheList(url)
    const found = cached_images.map(({ image_id }: { image_id: string }) => image_id)
    return ids.every((id) => found.includes(id)) ? found : null
  })
}

/** Without what a stop has cut off, which is swept later. */
async function wholeChunks(): Promise<string[]> {
  return (await chunkFiles(folder.path)).filter((name) => isDigest(name))
}

/** The part of the day that begins `from` hours from now. */
function windowFrom(from: number): string {
  const hour = (after: number) => String((new Date().getHours() + after) % 24).padStart(2, '0')
  return `${hour(from)}:00-${hour(from + 2)}:00`
}

describe('an edge with a pin policy', () => {
  it('fetches what the policy pins, and nothing else', async () => {
    const tag = `tag-${randomBytes(4).toString('hex')}`
    const tagged = await publish({ tags: [tag] })
    const named = await publish({ name: `${tag}.iso` })
    const other = await publish({})
    const url = await start({ PIN_TAG: tag, PIN_NAME: `${tag}.*` })
    const found = await untilCached(url, [tagged, named])
    assert.ok(!found.includes(other))
    assert.equal((await chunkFiles(folder.path)).length, 4)
    assert.equal((await progressAt(url)).state, 'idle')
  })

  it('follows the feed: a new image takes the place of the oldest of its family', async () => {
    const family = `family-${randomBytes(4).toString('hex')}`
    await publish({ name: `${family}-1` })
    const second = await publish({ name: `${family}-2` })
    const url = await start({ PIN_NAME: `${family}*`, PIN_NEWEST: '1' })
    await untilCached(url, [second])
    const third = await publish({ name: `${family}-3` })
    await untilCached(url, [third])
    await deleteImage(originSite, third)
    await eventually('the second is the newest again', 5_000, async () => {
      const { cached_images } = await cacheList(url)
      const { queue } = await progressAt(url)
      const ids = cached_images.map(({ image_id }: { image_id: string }) => image_id)
      return queue.length === 0 && ids.join() === second ? true : null
    })
  })
})

describe('the prefetching of pinned images', () => {
  it('keeps to its rate and tells how far it is, and goes on after a restart', async () => {
    const id = await publish({}, 8 * MIB)
    const pinnedAt = Date.now()
    // A chunk of 1 MiB every 0.84 s.
    const url = await start({ PREFETCH_MBITS: '10' })
    await untilActive(url, id)
    await fetch(`${url}/v2/cache/${id}`, { method: 'PUT' })
    const [progress] = await eventually('some is here', 8_000, async () => {
      const { queue } = await progressAt(url)
      return queue[0]?.done >= 2 * MIB ? queue : null
    })
    assert.equal(progress.image_id, id)
    assert.equal(progress.total, 8 * MIB)
    assert.ok(progress.done < 6 * MIB, `${progress.done} bytes in ${Date.now() - pinnedAt} ms`)
    assert.equal(await edge?.stop(), 0)

    const before = await wholeChunks()
    const again = await start({})
    await untilCached(again, [id])
    const { queue } = await progressAt(again)
    assert.deepEqual(queue, [])
    const files = await wholeChunks()
    assert.equal(files.length, 8)
    assert.ok(before.length >= 2 && before.every((name) => files.includes(name)))
  })

  it('waits for its window', async () => {
    const id = await publish({})
    const url = await start({ PREFETCH_WINDOW: windowFrom(2) })
    await untilActive(url, id)
    await fetch(`${url}/v2/cache/${id}`, { method: 'PUT' })
    await setTimeout(500)
    assert.equal((await progressAt(url)).state, 'outside the window')
    assert.deepEqual((await cacheList(url)).queued_images, [id])
    assert.deepEqual(await chunkFiles(folder.path), [])
  })

  it('goes on by itself when the upstream is back, whose absence is told once', async () => {
    const ids = [await publish({}), await publish({})]
    const proxy = await startProxy(origin.url)
    try {
      const url = await start({}, proxy.url)
      for (const id of ids) await untilActive(url, id)
      proxy.target = null
      for (const id of ids) await fetch(`${url}/v2/cache/${id}`, { method: 'PUT' })
      await eventually('it has failed', 5_000, async () =>
        (await progressAt(url)).state === 'failed' ? true : null,
      )
      await setTimeout(1_500)
      const log = edge?.log() ?? ''
      assert.equal(log.match(/does not answer/g)?.length, 1)
      assert.doesNotMatch(log, /annot fetch/)
      proxy.target = origin.url
      await untilCached(url, ids)
    } finally {
      await proxy.close()
    }
  })

  it('ends when the image is not pinned any more', async () => {
    const id = await publish({}, 8 * MIB)
    const url = await start({ PREFETCH_MBITS: '10' })
    await untilActive(url, id)
    await fetch(`${url}/v2/cache/${id}`, { method: 'PUT' })
    await eventually('some is here', 5_000, async () =>
      (await chunkFiles(folder.path)).length > 0 ? true : null,
    )
    await fetch(`${url}/v2/cache/${id}`, { method: 'DELETE' })
    assert.deepEqual((await cacheList(url)).queued_images, [])
    await eventually('it has ended', 3_000, async () =>
      (await progressAt(url)).state === 'idle' ? true : null,
    )
    assert.ok((await chunkFiles(folder.path)).length <= 1)
  })
})
