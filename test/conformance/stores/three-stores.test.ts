/** One image in a block device of Ceph, in S3 and in Swift, any of which may stop while it is read. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { env, execPath } from 'node:process'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { BARE_RAW, createImage, uploadData } from '../../support/images.ts'
import { LAUNCHER } from '../../support/launcher.ts'
import { MIB, siteAt } from '../../support/mirrors.ts'
import { environmentOf } from '../../support/options.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { startOnNode } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'
import { type Ceph, startCeph } from './ceph.ts'
import { rbdOptions, s3Options, s3Url, skip, swiftOptions, swiftUrl } from './real-stores.ts'
import { startWire, type Wire } from './wire.ts'

const SIZE = 200 * MIB
/** So little is left that it takes less time than for which a store that has failed is asked last. */
const NEARLY = (7 * SIZE) / 8
const PLACE = `heliostat-${randomUUID()}`
/** What a reader waits for at most where a store says nothing, which is asked twice. */
const SILENT_MS = 60_000
/** Where connections are refused and Ceph has two seconds. */
const REFUSED_MS = 30_000

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let ceph: Ceph
let bucket: Wire
let swift: Wire
let server: RunningProcess
let options: Record<string, string>
let bytes: Buffer<ArrayBuffer>
let path: string

interface Stop {
  /** How much has come by then. */
  at: number
  act(): unknown
}

/** How a download ends, that of a reader who does something at some places of it. */
async function download(query = '', stops: Stop[] = []) {
  const response = await fetch(`${server.url}${path}${query}`)
  const { status, headers } = response
  let size = 0
  try {
    for await (const part of response.body ?? []) {
      if (status === 200) assert.ok(bytes.subarray(size, size + part.length).equals(part))
      size += part.length
      while (stops[0] && size >= stops[0].at) await stops.shift()?.act()
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return { status, size, ended: 'broken' }
  }
  return { status, size: status === 200 ? size : 0, ended: headers.get('Retry-After') ?? 'whole' }
}

const WHOLE = { status: 200, size: SIZE, ended: 'whole' }

/** How often a store has failed, by the log. */
const failuresOf = (store: string) =>
  server.log().split(new RegExp(`Store "?${store}"? fails`)).length - 1

async function mendAll(): Promise<void> {
  bucket.mend()
  swift.mend()
  await ceph.signalOsd('SIGCONT')
}

async function copyTo(store: string): Promise<void> {
  const args = [LAUNCHER, 'store', 'copy', '--all', '--to', store, '--data-dir', folder.path]
  await promisify(execFile)(execPath, args, { env: { ...env, ...options } })
}

describe('an image in three stores', { skip }, () => {
  before(async () => {
    folder = await temporaryFolder()
    ceph = await startCeph()
    bucket = await startWire(s3Url())
    swift = await startWire(swiftUrl())
    options = environmentOf({
      DEFAULT: { enabled_backends: 'bucket:s3, swift:swift, ceph:rbd' },
      glance_store: { default_backend: 'bucket' },
      heliostat: { chunk_size: '2MB' },
      bucket: s3Options(PLACE, bucket.url),
      swift: swiftOptions(PLACE, swift.url),
      ceph: { ...rbdOptions(ceph.conf), rados_connect_timeout: '2' },
    })
    server = await startOnNode(folder.path, options)
    bytes = randomData(SIZE)
    const { id } = await createImage(siteAt(server.url), BARE_RAW)
    assert.equal((await uploadData(siteAt(server.url), id, bytes)).status, 204)
    path = `/v2/images/${id}/file`
    await copyTo('swift')
    await copyTo('ceph')
    await server.stop()
  })
  after(async () => {
    await bucket?.close()
    await swift?.close()
    await ceph?.stop()
    await folder?.remove()
  })

  // One that knows of no failure yet.
  beforeEach(async () => {
    server = await startOnNode(folder.path, options)
  })
  afterEach(async () => {
    await mendAll()
    await server.stop()
  })

  it('is read whole while each of them stops in turn and comes back (200)', async (t) => {
    const began = performance.now()
    const stops = [
      { at: SIZE / 4, act: () => bucket.cut() },
      { at: SIZE / 2, act: () => (bucket.mend(), swift.cut()) },
      { at: (3 * SIZE) / 4, act: () => (swift.mend(), ceph.signalOsd('SIGSTOP')) },
    ]
    assert.deepEqual(await download('', stops), WHOLE)
    t.diagnostic(`${Math.round(performance.now() - began)} ms`)
    for (const store of ['bucket', 'swift', 'ceph']) assert.equal(failuresOf(store), 1, store)
  })

  for (const store of ['bucket', 'swift', 'ceph']) {
    it(`is read whole where "${store}", which the reader prefers, stops in the middle (200)`, async () => {
      const act = {
        bucket: () => bucket.cut(),
        swift: () => swift.cut(),
        ceph: () => ceph.signalOsd('SIGSTOP'),
      }[store]
      assert.ok(act)
      assert.deepEqual(await download(`?prefer=${store}`, [{ at: SIZE / 3, act }]), WHOLE)
      assert.equal(failuresOf(store), 1)
    })
  }

  it('is read whole where two of them fall silent in the middle (200)', async (t) => {
    const began = performance.now()
    const reads = await Promise.all([
      download('?prefer=bucket,ceph', [{ at: NEARLY, act: () => bucket.silence() }]),
      download('?prefer=swift,ceph', [{ at: NEARLY, act: () => swift.silence() }]),
    ])
    const took = performance.now() - began
    t.diagnostic(`${Math.round(took)} ms`)
    assert.deepEqual(reads, [WHOLE, WHOLE])
    assert.deepEqual([failuresOf('bucket'), failuresOf('swift'), failuresOf('ceph')], [1, 1, 0])
    assert.ok(took < SILENT_MS, `${took} ms`)
  })

  it('is broken off where all three stop, refused (503) until one is back, and then read again (200)', async (t) => {
    const act = async () => {
      bucket.cut()
      swift.cut()
      await ceph.signalOsd('SIGSTOP')
    }
    const broken = await download('', [{ at: SIZE / 3, act }])
    assert.equal(broken.ended, 'broken')
    assert.ok(broken.size < SIZE)
    const began = performance.now()
    assert.deepEqual(await download(), { status: 503, size: 0, ended: '30' })
    const took = performance.now() - began
    t.diagnostic(`${Math.round(took)} ms`)
    assert.ok(took < REFUSED_MS, `${took} ms`)
    const ready = await fetch(`${server.url}/readyz`)
    assert.equal(ready.status, 503)
    assert.deepEqual((await ready.json()).reasons, ['store-unreachable'])
    await ceph.signalOsd('SIGCONT')
    assert.deepEqual(await download(), WHOLE)
    await mendAll()
    assert.deepEqual(await download('?prefer=swift'), WHOLE)
  })
})
