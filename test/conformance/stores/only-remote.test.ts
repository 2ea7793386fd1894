/** An edge behind an origin that has no image on its own disk: each lies in Ceph, in S3, or behind HTTP. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { flipByte } from '../../faults/data.ts'
import { BARE_RAW, createImage, uploadData } from '../../support/images.ts'
import {
  compareDownload,
  MIB,
  siteAt,
  startEdge,
  startOrigin,
  wholeDownload,
} from '../../support/mirrors.ts'
import { environmentOf } from '../../support/options.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { digestsOf } from '../../support/s3-site.ts'
import { eventually } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'
import { cephConf, rbdClient, rbdOptions, s3Client, s3Options, s3Url, skip } from './real-stores.ts'
import { startWire, type Wire } from './wire.ts'

const run = promisify(execFile)
const SCRIPT = join(import.meta.dirname, 'http.sh')
const NGINX = `http://127.0.0.1:${process.env['HTTP_PORT'] ?? 26980}`
const PLACE = `heliostat-${randomUUID()}`
const SIZE = 24 * MIB + 12_345
const READERS = 32
/** In the fifth chunk of a MiB, and in the first object of 8 MiB. */
const DAMAGED = 5 * MIB + 4711
/** What the store, and the origin, may send of an image that many read at once. */
const MOST = 1.1 * SIZE
const READING_MS = 20_000
const ABSENT_MS = 40_000

type Store = 'ceph' | 'bucket' | 'web'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let bucket: Wire
let web: Wire
let origin: RunningProcess
let edge: RunningProcess

const files = () => join(folder.path, 'nginx')

interface Published {
  id: string
  path: string
  bytes: Buffer<ArrayBuffer>
}

/** An image that only one store has, as the edge shows it; nobody has read it from there. */
async function publish(store: Store): Promise<Published> {
  const bytes = randomData(SIZE)
  const site = siteAt(origin.url)
  const { id } = await createImage(site, BARE_RAW)
  if (store === 'web') {
    await writeFile(join(files(), 'files', id), bytes)
    const registered = await site.request(`/v2/images/${id}/locations`, {
      method: 'POST',
      body: JSON.stringify({ url: `${web.url}/files/${id}` }),
    })
    assert.equal(registered.status, 202, await registered.text())
  } else {
    const uploaded = await uploadData(site, id, bytes, { 'X-Image-Meta-Store': store })
    assert.equal(uploaded.status, 204, await uploaded.text())
  }
  // What others have stored is active before it has been read.
  await eventually(`the edge knows the digests of ${id}`, READING_MS, async () => {
    const shown = await fetch(`${edge.url}/v2/images/${id}`)
    const { os_hash_value: digest } = await shown.json().catch(() => ({}))
    return shown.ok && digest ? true : null
  })
  return { id, path: `/v2/images/${id}/file`, bytes }
}

/** Changes a byte of the image in the store itself, or changes it back. */
const damage: Record<Store, (image: Published) => Promise<void>> = {
  async ceph({ id }) {
    const about = await rbdClient().run('info', '--format=json', `images/${id}`)
    const object = `${JSON.parse(about).block_name_prefix}.${'0'.repeat(16)}`
    const copy = join(folder.path, 'object')
    const rados = (...args: string[]) =>
      run('rados', ['--conf', cephConf(), '-p', 'images', ...args], { timeout: 60_000 })
    await rados('get', object, copy)
    await flipByte(copy, DAMAGED)
    await rados('put', object, copy)
    await rm(copy)
  },
  async bucket({ bytes }) {
    const { read, write } = s3Client(PLACE)
    const digest = digestsOf(bytes)[Math.floor(DAMAGED / MIB)] ?? ''
    const object = await read(digest)
    const place = DAMAGED % MIB
    object[place] = 255 - (object[place] ?? 0)
    await write(digest, object)
  },
  web: ({ id }) => flipByte(join(files(), 'files', id), DAMAGED),
}

async function upstreamBytes({ url }: RunningProcess): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const [, value] = /^heliostat_upstream_bytes_total (\d+)$/m.exec(metrics) ?? []
  assert.ok(value, metrics)
  return Number(value)
}

/** What has left a store by now: as the wire before it counts, or the origin where there is none. */
const sentBy: Record<Store, () => Promise<number>> = {
  ceph: () => upstreamBytes(origin),
  bucket: async () => bucket.received,
  web: async () => web.received,
}

const download = ({ url }: RunningProcess, { path, bytes }: Published) =>
  compareDownload(url, bytes, { path })

/** What was nowhere to be had is not asked for again for half a minute. */
function untilWhole(site: RunningProcess, image: Published): Promise<true> {
  return eventually(`${image.id} is whole at ${site.url}`, ABSENT_MS, async () => {
    const { right, status } = await download(site, image)
    return (status === 200 && right === SIZE) || null
  })
}

async function inEach<T>(
  stores: readonly Store[],
  make: (store: Store) => Promise<T>,
): Promise<Map<Store, T>> {
  return new Map(
    await Promise.all(stores.map(async (store) => [store, await make(store)] as const)),
  )
}

async function requireRange(at: RunningProcess, { path, bytes }: Published, range: string) {
  const [first = 0, last = 0] = range.split('-').map(Number)
  const response = await fetch(`${at.url}${path}`, { headers: { Range: `bytes=${range}` } })
  const part = Buffer.from(await response.arrayBuffer())
  assert.equal(response.status, 206, `${range} at ${at.url}: ${part.subarray(0, 500)}`)
  assert.equal(response.headers.get('Content-Range'), `bytes ${range}/${SIZE}`)
  assert.ok(part.equals(bytes.subarray(first, last + 1)), `${range} at ${at.url}`)
}

const RANGES = [
  [MIB - 1, MIB],
  [3 * MIB - 10, 5 * MIB + 10],
  [8 * MIB - 1, 8 * MIB],
  [7 * MIB + 1, 17 * MIB - 2],
  [24 * MIB - 1, SIZE - 1],
  [SIZE - 1, SIZE - 1],
].map((range) => range.join('-'))

describe('an origin whose images lie only elsewhere, and an edge behind it', { skip }, () => {
  before(async () => {
    folder = await temporaryFolder()
    await run('bash', [SCRIPT, 'start', files()])
    bucket = await startWire(s3Url())
    web = await startWire(NGINX)
    const options = environmentOf({
      DEFAULT: { enabled_backends: 'ceph:rbd, bucket:s3, web:http' },
      glance_store: { default_backend: 'ceph' },
      import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(web.url).port },
      ceph: rbdOptions(),
      bucket: s3Options(PLACE, bucket.url),
    })
    origin = await startOrigin(join(folder.path, 'origin'), options)
    edge = await startEdge(join(folder.path, 'edge'), origin.url)
  })
  after(async () => {
    await Promise.all([edge?.stop(), origin?.stop()])
    await Promise.all([bucket?.close(), web?.close()])
    await run('bash', [SCRIPT, 'stop', files()])
    await folder?.remove()
  })

  for (const store of ['ceph', 'bucket', 'web'] as const) {
    it(`${store}: ${READERS} readers at a cold edge get the right bytes, which leave the store once`, async (t) => {
      const image = await publish(store)
      const before = { store: await sentBy[store](), edge: await upstreamBytes(edge) }
      const reads = Array.from({ length: READERS }, () => download(edge, image))
      for (const read of await Promise.all(reads)) assert.deepEqual(read, wholeDownload(SIZE))
      const fromStore = (await sentBy[store]()) - before.store
      const toEdge = (await upstreamBytes(edge)) - before.edge
      t.diagnostic(`${fromStore / SIZE} times from the store, ${toEdge / SIZE} times to the edge`)
      assert.ok(fromStore >= SIZE && fromStore < MOST, `${fromStore} bytes`)
      assert.ok(toEdge >= SIZE && toEdge < MOST, `${toEdge} bytes`)
    })

    it(`${store}: ranges over the borders of chunks are right at both (206)`, async () => {
      const image = await publish(store)
      for (const range of RANGES) {
        await requireRange(edge, image, range)
        await requireRange(origin, image, range)
      }
    })
  }

  it('what is damaged there is served by neither, and is again when it is right', async () => {
    const stores = ['ceph', 'bucket', 'web'] as const
    const images = await inEach(stores, publish)
    const known = await inEach(stores, publish)
    for (const image of known.values()) {
      assert.deepEqual(await download(edge, image), wholeDownload(SIZE))
    }
    for (const [store, image] of [...images, ...known]) await damage[store](image)
    for (const image of images.values()) {
      for (const site of [edge, origin]) {
        const { status, right, wrong } = await download(site, image)
        // A refusal has a body too.
        assert.equal(status === 200 ? wrong : status !== 503, false)
        assert.ok(right <= DAMAGED)
        // All else can be read at once.
        await requireRange(site, image, RANGES.at(-1) ?? '')
      }
    }
    for (const image of known.values()) {
      assert.deepEqual(await download(edge, image), wholeDownload(SIZE))
    }
    for (const [store, image] of images) await damage[store](image)
    for (const image of images.values()) {
      for (const site of [origin, edge]) await untilWhole(site, image)
    }
  })
})
