import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { compareDownload, MIB, siteAt, startOrigin, wholeDownload } from '../support/mirrors.ts'
import { environmentOf } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { digestsOf } from '../support/s3-site.ts'
import { temporaryFolder } from '../support/site.ts'
import { flipByte } from './data.ts'

const SIZE = 4 * MIB
const WHOLE = wholeDownload(SIZE)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let origin: RunningProcess
let bytes: Buffer<ArrayBuffer>
/** Of two images of the same bytes, the first of which was uploaded to `fast`, the other to `slow`. */
let paths: string[]

before(async () => {
  folder = await temporaryFolder()
  const options = environmentOf({
    DEFAULT: { enabled_backends: 'fast:file, slow:file' },
    glance_store: { default_backend: 'fast' },
    fast: { filesystem_store_datadir: join(folder.path, 'fast') },
    slow: { filesystem_store_datadir: join(folder.path, 'slow') },
  })
  origin = await startOrigin(join(folder.path, 'data'), options)
})
after(async () => {
  await origin.stop()
  await folder.remove()
})

beforeEach(async () => {
  bytes = randomData(SIZE)
  paths = [await publish('fast'), await publish('slow')]
})

async function publish(store: string): Promise<string> {
  const site = siteAt(origin.url)
  const { id } = await createImage(site, BARE_RAW)
  const uploaded = await uploadData(site, id, bytes, { 'X-Image-Meta-Store': store })
  assert.equal(uploaded.status, 204)
  return `/v2/images/${id}/file`
}

function fileOf(store: string, position: number): string {
  const digest = digestsOf(bytes)[position] ?? ''
  return join(folder.path, store, 'chunks', digest.slice(0, 2), digest)
}

async function requireWhole(): Promise<void> {
  for (const path of paths) {
    assert.deepEqual(await compareDownload(origin.url, bytes, { path }), WHOLE)
    assert.equal((await fetch(`${origin.url}${path}`, { method: 'HEAD' })).status, 200)
  }
}

async function damagedChunks(): Promise<number> {
  const response = await fetch(`${origin.url}/readyz`)
  assert.equal(response.status, 200)
  const { reasons, damaged_chunks: count } = await response.json()
  assert.deepEqual(reasons, count === undefined ? [] : ['damaged-chunks'])
  return count ?? 0
}

/** What was damaged comes back with the next upload of its bytes. */
async function heal(): Promise<void> {
  await publish('fast')
  await publish('slow')
  assert.equal(await damagedChunks(), 0)
}

describe('an image in two stores on this machine', () => {
  it('is read whole where a chunk in the middle is damaged in one, which is told (200)', async () => {
    await flipByte(fileOf('fast', 2))
    await requireWhole()
    assert.equal(await damagedChunks(), 1)
    await heal()
  })

  it('is read whole where the first and the last chunk are gone in one (200)', async () => {
    await rm(fileOf('fast', 0))
    await rm(fileOf('fast', 3))
    await requireWhole()
    assert.equal(await damagedChunks(), 2)
    await heal()
  })

  it('is read whole where each store lacks another chunk (200)', async () => {
    await flipByte(fileOf('fast', 1))
    await flipByte(fileOf('slow', 3))
    await requireWhole()
    await heal()
  })

  it('is refused where both lack the same (503), and nothing wrong is sent', async () => {
    await flipByte(fileOf('fast', 0))
    await flipByte(fileOf('slow', 0))
    for (const path of paths) {
      const response = await fetch(`${origin.url}${path}`)
      assert.equal(response.status, 503)
      await response.text()
    }
    await heal()
  })
})
