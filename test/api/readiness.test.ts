import assert from 'node:assert/strict'
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { schemaMigrations } from '../../schema/tables.ts'
import { createApp } from '../../src/app.ts'
import { createDisk } from '../../src/blobs/fs/disk.ts'
import { createR2Store } from '../../src/blobs/r2.ts'
import { loadConfig } from '../../src/config.ts'
import { createStoreOwner } from '../../src/inventory/store-owner.ts'
import { createReadiness, type ReadinessParts } from '../../src/readiness.ts'
import { conditionsOf } from '../../src/stores/store.ts'
import { chunksIn } from '../support/stores.ts'
import { openLocalSite } from '../../src/runtime/local.ts'
import { type RunningServer, serveOnNode } from '../../src/runtime/node.ts'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { TRUSTED } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import {
  createTestServices,
  createTestSite,
  temporaryFolder,
  type TestSite,
} from '../support/site.ts'

const HOUR_MS = 3_600_000
const GIB = 2 ** 30
const TOKEN = 'mirror-token'
const OPEN = { paste_deploy: { flavor: '' } }

describe('the readiness of an origin', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite(TRUSTED)
  })
  after(() => site.close())

  function ask(parts: Partial<ReadinessParts> = {}) {
    const { registry, services } = site
    const quiet = {
      hasFile: null,
      disk: null,
      damaged: async () => 0,
      damage: () => null,
      edge: null,
      failing: async () => [],
    }
    const origin = { registry, stores: conditionsOf(services.stores), ...quiet }
    const readiness = createReadiness({ ...origin, ...parts })
    return createApp({ ...services, readiness }).request('/readyz')
  }

  it('is told to a caller without an identity (200)', async () => {
    const response = await site.request('/readyz')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Cache-Control'), 'no-store')
    assert.deepEqual(await response.json(), { ready: true, reasons: [] })
  })

  it('is not hurt by a full disk, which it tells (200)', async () => {
    const folder = await temporaryFolder()
    const disk = createDisk(folder.path)
    assert.equal((await disk.condition()).full, false)
    await assert.rejects(disk.requireSpace(folder.path, GIB ** 2), { code: 'too-large' })
    const response = await ask({ disk: disk.condition })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { ready: true, reasons: ['disk-full'] })
    await folder.remove()
  })

  it('is not hurt by a damaged database that still answers, which it tells (200)', async () => {
    const response = await ask({ damage: () => 'row 1 missing from index' })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { ready: true, reasons: ['database-damaged'] })
  })

  it('is not hurt by a chunk that is lost, which it counts (200)', async () => {
    const response = await ask({ damaged: async () => 2 })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), {
      ready: true,
      reasons: ['damaged-chunks'],
      damaged_chunks: 2,
    })
  })

  it('ends where the chunks are those of another registry (503)', async () => {
    const other = await createTestSite()
    await other.store.setOwner('another')
    const response = await other.request('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: ['foreign-store'] })
    await other.owner.adopt()
    assert.equal((await other.request('/readyz')).status, 200)
    await other.close()
  })

  it('ends where chunks cannot be written (503)', async (test) => {
    if (process.getuid?.() === 0) return test.skip('root may write everywhere')
    const folder = await temporaryFolder()
    await chmod(folder.path, 0o500)
    const response = await ask({ disk: createDisk(join(folder.path, 'chunks')).condition })
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: ['store-not-writable'] })
    await folder.remove()
  })
})

describe('the readiness of an origin whose chunks cannot be reached', () => {
  it('ends with the volume that they are on, also after a start without it (503)', async () => {
    const folder = await temporaryFolder()
    const [here, away] = [join(folder.path, 'data', 'chunks'), join(folder.path, 'away')]
    let site = await openSiteOn(folder.path, OPEN)
    const { id } = await createImage(site, BARE_RAW)
    assert.equal((await uploadData(site, id, randomData(1000))).status, 204)
    assert.equal((await site.request('/readyz')).status, 200)

    await rename(here, away)
    await assertUnready(site.request, 'store-unreachable')
    await site.close()
    await mkdir(here)
    site = await openSiteOn(folder.path, OPEN)
    await assertUnready(site.request, 'store-unreachable')

    // What the service may have put there by itself does not make it the one that it was.
    await rm(here, { recursive: true })
    await rename(away, here)
    assert.equal((await site.request('/readyz')).status, 200)
    await site.close()
    await folder.remove()
  })

  it('ends when the folder of all its data is gone (503)', async () => {
    const folder = await temporaryFolder()
    const site = await openSiteOn(folder.path, OPEN)
    await rename(join(folder.path, 'data'), join(folder.path, 'away'))
    await assertUnready(site.request, 'database-unreachable')
    await site.close()
    await folder.remove()
  })

  it('ends with a bucket that refuses, or does not answer (503)', async () => {
    const site = await createTestSite()
    const refusing = async () => Promise.reject(new Error('10001: internal error'))
    const silent = () => new Promise<never>(() => undefined)
    for (const get of [refusing, silent]) {
      const bucket = { get, head: get, put: get, delete: get, list: get }
      const store = createR2Store(bucket)
      const owner = createStoreOwner({
        registry: site.registry,
        storeId: 'file',
        store,
        id: site.services.feed.siteId,
        isEdge: false,
      })
      const { services, registry } = site
      const stores = [chunksIn(store, { owner })]
      const { readiness } = createTestServices({ config: services.config, registry, stores })
      const app = createApp({ ...services, readiness })
      await assertUnready((path) => inNoTime(() => app.request(path)), 'store-unreachable')
    }
    await site.close()
  })

  /** An answer, with as much time passed as it takes. */
  async function inNoTime(ask: () => Response | Promise<Response>): Promise<Response> {
    mock.timers.enable({ apis: ['setTimeout'] })
    let settled = false
    const answer = Promise.resolve(ask()).finally(() => (settled = true))
    while (!settled) {
      mock.timers.tick(1_000)
      await setImmediate()
    }
    mock.timers.reset()
    return answer
  }

  async function assertUnready(
    request: (path: string) => Response | Promise<Response>,
    reason: string,
  ): Promise<void> {
    const response = await request('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: [reason] })
  }
})

describe('the readiness of a site whose database is not as it should be', () => {
  it('ends with a schema of another revision (503)', async () => {
    const site = await createTestSite()
    await site.registry.delete(schemaMigrations)
    const response = await site.request('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: ['database-outdated'] })
    await site.close()
  })

  it('ends when the database does not answer, and does not say why (503)', async () => {
    const site = await createTestSite()
    site.registry.$client.close()
    const response = await site.request('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: ['database-unreachable'] })
    await site.close()
  })
})

describe('the readiness of an edge', () => {
  let folders: Awaited<ReturnType<typeof temporaryFolder>>[]
  let origin: RunningServer
  let edge: Awaited<ReturnType<typeof startEdge>>

  before(async () => {
    folders = [await temporaryFolder(), await temporaryFolder()]
    edge = await startEdge('http://127.0.0.1:1')
  })
  after(async () => {
    await edge.close()
    for (const folder of folders) await folder.remove()
  })

  async function startEdge(upstream: string) {
    const { config } = loadConfig({
      mirror: { upstream, upstream_token: TOKEN },
      heliostat: { data_dir: folders[1]?.path ?? '' },
    })
    const site = await openLocalSite(config)
    const app = createApp(site.services)
    return { ask: async () => app.request('/readyz'), close: site.close }
  }

  it('has not begun before the first snapshot (503)', async () => {
    const { status, answer } = await eventually('the edge tells its error', 5_000, async () => {
      const response = await edge.ask()
      const body = await response.json()
      return body.edge.error === null ? null : { status: response.status, answer: body }
    })
    assert.equal(status, 503)
    assert.deepEqual(answer.reasons, ['never-synced'])
    assert.equal(answer.edge.seq, null)
    assert.equal(answer.edge.upstream_seq, null)
    assert.doesNotMatch(JSON.stringify(answer), /mirror-token/)
  })

  it('begins with the first snapshot, and tells where the feed is (200)', async () => {
    await edge.close()
    const { config } = loadConfig({
      DEFAULT: { bind_port: '0' },
      mirror: { tokens: TOKEN },
      heliostat: { data_dir: folders[0]?.path ?? '', shutdown_timeout: '0' },
    })
    origin = await serveOnNode(config)
    const body = JSON.stringify({ name: 'first' })
    await fetch(`${origin.url}/v2/images`, { method: 'POST', body })
    edge = await startEdge(origin.url)
    const answer = await untilReady()
    assert.deepEqual(answer.reasons, [])
    assert.deepEqual([answer.edge.seq, answer.edge.upstream_seq], [1, 1])
    assert.deepEqual([answer.edge.error, answer.edge.stale], [null, undefined])
    assert.ok(answer.edge.lag <= 5, String(answer.edge.lag))
  })

  it('outlasts its origin, and tells for how long it has been alone (200)', async () => {
    await origin.close()
    const answer = await eventually('the edge notices', 10_000, async () => {
      const response = await edge.ask()
      assert.equal(response.status, 200)
      const body = await response.json()
      return body.edge.stale === undefined ? null : body
    })
    assert.equal(answer.ready, true)
    assert.equal(answer.edge.stale, answer.edge.lag)
    assert.notEqual(answer.edge.error, null)
  })

  it('begins at once when an edge starts without its origin (200)', async () => {
    await edge.close()
    edge = await startEdge(origin.url)
    const response = await edge.ask()
    assert.equal(response.status, 200)
    const answer = await response.json()
    assert.deepEqual([answer.edge.seq, answer.edge.upstream_seq], [1, null])
  })

  it('tells for how long it has been alone, also after a start without its origin (200)', async () => {
    await edge.close()
    mock.timers.enable({ apis: ['Date'], now: Date.now() + HOUR_MS })
    edge = await startEdge(origin.url)
    mock.timers.reset()
    const response = await edge.ask()
    assert.equal(response.status, 200)
    const { lag, stale } = (await response.json()).edge
    assert.ok(lag >= HOUR_MS / 1000, String(lag))
    assert.equal(stale, lag)
  })

  function untilReady() {
    return eventually('the edge is ready', 10_000, async () => {
      const response = await edge.ask()
      return response.status === 200 ? response.json() : null
    })
  }
})
