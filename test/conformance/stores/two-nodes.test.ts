/**
 * Two nodes of one origin, on a libSQL server and a real S3, behind nginx: one at a time is killed and started again while
 * clients upload and download. The S3 is the first of those that run.sh names in S3_ENDPOINTS.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { AwsClient } from 'aws4fetch'
import { freePorts } from '../../support/free-ports.ts'
import { BARE_RAW, createImage, deleteImage, postImage, uploadData } from '../../support/images.ts'
import { LAUNCHER } from '../../support/launcher.ts'
import { MIB, siteAt, startEdge, TOKEN, untilSynced } from '../../support/mirrors.ts'
import { hasDuty, openOrigin, type Origin } from '../../support/nodes.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { eventually } from '../../support/server.ts'
import { type Balancer, startBalancer } from './balancer.ts'

const UPLOADS = 200
const DOWNLOADS = 2_000
const UPLOADERS = 4
const READERS = 8
const SMALLEST = 64 * 1024
const LARGEST = 20 * MIB
/** One download in so many is of the whole image, the others are ranges. */
const ONE_WHOLE_IN = 8
/** How soon an edge shows what was acknowledged, also when the node dies that it asks. */
const EDGE_MS = 15_000
/** Whatever is wrong then, it is no death of a node. */
const GIVEN_UP_MS = 60_000
/** How long an upload may be dead until another node has ended it: its lease, and that of the upkeep. */
const SAVING_MS = 40_000
/** How soon another node does the upkeep when the one that did has died. */
const TAKEN_OVER_MS = 30_000
/** What a sweeper that was killed had condemned is left alone for a minute. */
const SWEPT_MS = 75_000

interface Endpoint {
  host: string
  accessKey: string
  secretKey: string
}

interface Uploaded {
  id: string
  bytes: Buffer<ArrayBuffer>
  acknowledgedAt: number
}

const [endpoint]: Endpoint[] = JSON.parse(process.env['S3_ENDPOINTS'] ?? '[]')
const skip = endpoint === undefined ? 'S3_ENDPOINTS names none' : false
const bucket = `heliostat-${randomBytes(6).toString('hex')}`

/** What all images are cut from: any two that begin at different places have no chunk in common. */
const POOL = randomData(LARGEST + 8 * MIB)

describe('two nodes behind nginx, one of which is killed all the time', { skip }, () => {
  let origin: Origin
  let balancer: Balancer
  let ports: number[]
  let edge: RunningProcess
  const nodes: RunningProcess[] = []
  const uploaded: Uploaded[] = []
  const abandoned: string[] = []

  before(async () => {
    origin = await openOrigin({
      DEFAULT: { enabled_backends: 'bucket:s3' },
      glance_store: { default_backend: 'bucket' },
      heliostat: { chunk_size: '4MB', sweep_grace: '0' },
      mirror: { tokens: TOKEN },
      bucket: {
        s3_store_host: endpoint?.host ?? '',
        s3_store_bucket: bucket,
        s3_store_access_key: endpoint?.accessKey ?? '',
        s3_store_secret_key: endpoint?.secretKey ?? '',
        s3_store_create_bucket_on_put: 'true',
      },
    })
    ports = await freePorts(2)
    nodes.push(...(await Promise.all(ports.map((port) => origin.start(`node-${port}`, port)))))
    balancer = await startBalancer(origin.folder, [ports[0] ?? 0, ports[1] ?? 0])
    edge = await startEdge(origin.folderOf('edge'), balancer.url)
    await untilSynced(edge.url)
  })
  after(async () => {
    await edge.stop()
    await balancer.stop()
    await Promise.all(nodes.map((node) => node.stop()))
    await origin.close()
  })

  it(`loses and confuses nothing of ${UPLOADS} uploads and ${DOWNLOADS} downloads`, async (t) => {
    const run = { isOver: false }
    const counts = { kills: 0, sentAgain: 0, readAgain: 0, atEdge: 0, bytes: 0 }
    const started = performance.now()
    const killing = killInTurn(run, counts)
    await Promise.all([
      ...Array.from({ length: UPLOADERS }, (_, index) => uploadSome(index, counts)),
      ...Array.from({ length: READERS }, (_, index) => readSome(index, counts)),
    ]).finally(() => (run.isOver = true))
    await killing
    const seconds = Math.round((performance.now() - started) / 1000)
    t.diagnostic(JSON.stringify({ seconds, ...counts, mib: Math.round(counts.bytes / MIB) }))
    assert.equal(uploaded.length, UPLOADS)
    assert.ok(counts.kills >= 4, `Only ${counts.kills} kills`)
    for (const image of uploaded) await readWhole(balancer.url, image)
  })

  it('ends what the dead have left, and does the upkeep once', async () => {
    for (const id of abandoned) {
      const { status } = await eventually(`${id} leaves saving`, SAVING_MS, async () => {
        const image = await (await fetch(`${balancer.url}/v2/images/${id}`)).json()
        return image.status === 'saving' ? null : image
      })
      assert.match(status, /^(queued|active)$/)
      assert.equal((await deleteImage(siteAt(balancer.url), id)).status, 204)
    }
    const saving = await (await fetch(`${balancer.url}/v2/images?status=saving`)).json()
    assert.deepEqual(saving.images, [])
    await eventually('a node does the upkeep', TAKEN_OVER_MS, async () => {
      const duties = await Promise.all(nodes.map(({ url }) => hasDuty(url)))
      const holders = duties.filter(Boolean).length
      assert.ok(holders <= 1)
      return holders === 1 ? true : null
    })
  })

  it('leaves nothing in the bucket without need', async (t) => {
    await eventually('the bucket has what is needed and no more', SWEPT_MS, async () => {
      const { stdout } = await sweep(origin)
      t.diagnostic(stdout.trim())
      const stored = await listBucket()
      return stored.join() === (await neededBy(origin)).join() ? true : null
    })
  })

  it('lets the edge follow without another snapshot', async () => {
    assert.equal(edge.log().split('Took a snapshot').length - 1, 1, edge.log())
    for (const image of uploaded.slice(-20)) await readWhole(edge.url, image)
  })

  it('lets a third node come and go', async () => {
    const third = await origin.start('third')
    for (const image of uploaded.slice(0, 10)) await readWhole(third.url, image)
    const { id } = await createImage(siteAt(third.url), BARE_RAW)
    const bytes = POOL.subarray(0, MIB)
    assert.equal((await uploadData(siteAt(third.url), id, bytes)).status, 204)
    assert.equal(await third.stop(), 0)
    await readWhole(balancer.url, { id, bytes })
  })

  async function killInTurn(run: { isOver: boolean }, counts: { kills: number }): Promise<void> {
    for (let turn = 0; !run.isOver; turn = 1 - turn) {
      await setTimeout(randomInt(2_000, 4_000))
      const port = ports[turn] ?? 0
      await nodes[turn]?.kill()
      counts.kills++
      await setTimeout(randomInt(1_000))
      nodes[turn] = await origin.start(`node-${port}`, port)
    }
  }

  /** Every tenth image has the chunks of another. */
  function newBytes(index: number): Buffer<ArrayBuffer> {
    const size = Math.round(SMALLEST * (LARGEST / SMALLEST) ** Math.random())
    const offset = index % 10 === 0 ? 0 : 1 + randomInt(POOL.length - size)
    return POOL.subarray(offset, offset + size)
  }

  /** The id of a new image; null where the balancer had no node to ask. */
  async function create(): Promise<string | null> {
    const response = await postImage(siteAt(balancer.url), BARE_RAW)
    const text = await response.text()
    if (response.status >= 500) return null
    assert.equal(response.status, 201, text)
    return JSON.parse(text).id
  }

  async function uploadSome(first: number, counts: { sentAgain: number }): Promise<void> {
    for (let index = first; index < UPLOADS; index += UPLOADERS) {
      const bytes = newBytes(index)
      for (;;) {
        const id = await tried(create)
        if (id === null) continue
        const status = await tried(async () => {
          const response = await uploadData(siteAt(balancer.url), id, bytes)
          await response.text()
          return response.status
        })
        if (status === 204) {
          uploaded.push({ id, bytes, acknowledgedAt: performance.now() })
          break
        }
        assert.ok(status === null || status >= 500, `An upload was answered with ${status}`)
        abandoned.push(id)
        counts.sentAgain++
      }
    }
  }

  async function readSome(
    first: number,
    counts: { readAgain: number; atEdge: number; bytes: number },
  ): Promise<void> {
    for (let index = first; index < DOWNLOADS; index += READERS) {
      const image = await eventually('an image is there', 20_000, () => pick())
      const isAtEdge = index % 2 === 0
      const span = index % ONE_WHOLE_IN === 0 ? null : spanOf(image)
      const url = isAtEdge ? edge.url : balancer.url
      const began = performance.now()
      for (;;) {
        const length = await tried(() => readOnce(url, image, span))
        if (length !== null) {
          counts.bytes += length
          break
        }
        const waited = performance.now() - began
        assert.ok(waited < GIVEN_UP_MS, `${image.id} is not to be had at ${url}`)
        counts.readAgain++
      }
      if (isAtEdge) counts.atEdge++
    }
  }

  const pick = () => uploaded[randomInt(Math.max(1, uploaded.length))] ?? null

  /** The bytes of one download, all of them right; null where the node died, or the edge cannot have heard of it yet. */
  async function readOnce(
    url: string,
    { id, bytes, acknowledgedAt }: Uploaded,
    span: [number, number] | null,
  ): Promise<number | null> {
    const [begin, end] = span ?? [0, bytes.length]
    const headers = span === null ? {} : { Range: `bytes=${begin}-${end - 1}` }
    const response = await fetch(`${url}/v2/images/${id}/file`, { headers })
    const got = Buffer.from(await response.arrayBuffer())
    if (response.status >= 500) return null
    const mayBeNew = url === edge.url && performance.now() - acknowledgedAt < EDGE_MS
    if (mayBeNew && [204, 404].includes(response.status)) return null
    assert.equal(response.status, span === null ? 200 : 206)
    assert.ok(
      got.equals(bytes.subarray(begin, end)),
      `Wrong bytes of ${id} from ${begin} to ${end}`,
    )
    return got.length
  }
})

function spanOf({ bytes }: Uploaded): [number, number] {
  const begin = randomInt(bytes.length)
  return [begin, begin + 1 + randomInt(Math.min(MIB, bytes.length - begin))]
}

/** What was done; null, after a moment, where it was not, or the connection broke off. */
async function tried<T>(work: () => Promise<T | null>): Promise<T | null> {
  try {
    const done = await work()
    if (done !== null) return done
  } catch (error) {
    // Of fetch, whose errors are of this class.
    if (!(error instanceof TypeError)) throw error
  }
  await setTimeout(100)
  return null
}

async function readWhole(
  url: string,
  { id, bytes }: Pick<Uploaded, 'id' | 'bytes'>,
): Promise<void> {
  const response = await fetch(`${url}/v2/images/${id}/file`)
  assert.equal(response.status, 200)
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes), `Wrong bytes of ${id}`)
}

function sweep({ env }: Origin) {
  return promisify(execFile)(process.execPath, [LAUNCHER, 'db', 'sweep', '--grace', '0'], {
    env: { ...process.env, ...env },
  })
}

async function neededBy({ registry }: Origin): Promise<string[]> {
  const { rows } = await registry.$client.execute(
    'SELECT DISTINCT digest FROM blob_chunks WHERE digest IS NOT NULL ORDER BY digest',
  )
  return rows.map((row) => `chunks/${String(row[0])}`)
}

/** All keys but the mark of the bucket's owner. */
async function listBucket(): Promise<string[]> {
  const { host, accessKey, secretKey } = endpoint ?? { host: '', accessKey: '', secretKey: '' }
  const client = new AwsClient({
    accessKeyId: accessKey,
    secretAccessKey: secretKey,
    region: 'us-east-1',
    service: 's3',
  })
  const keys: string[] = []
  for (let token: string | undefined = ''; token !== undefined;) {
    const query = token === '' ? '' : `&continuation-token=${encodeURIComponent(token)}`
    const response = await client.fetch(`${host}/${bucket}?list-type=2${query}`)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    keys.push(...[...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => key))
    token = /<NextContinuationToken>(.*?)<\//.exec(text)?.[1]
  }
  return keys.filter((key) => key !== 'owner').toSorted()
}
