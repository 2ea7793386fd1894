import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { uploads } from '../../schema/tables.ts'
import { createUploadRepo } from '../../src/images/upload/rows.ts'
import {
  BARE_RAW,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  showImage,
  uploadData,
} from '../support/images.ts'
import { startKeystone, type TestKeystone, tokenFor, usingKeystone } from '../support/keystone.ts'
import { startDatabase } from '../support/libsql.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import { newUpload } from '../support/registry.ts'
import { randomData } from '../support/random-data.ts'
import { temporaryFolder } from '../support/site.ts'
import { wireSuite } from './wire/suite.ts'

/** The Worker as one module, as wrangler would bundle it. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../src/runtime/worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
  })
  return outputFiles[0]?.text ?? ''
}

/** The Worker behind a socket, with a bucket and a database of its own. */
async function startWorker(options: Record<string, string> = {}, r2Buckets = ['BLOBS']) {
  const folder = await temporaryFolder()
  const database = await startDatabase(join(folder.path, 'registry.db'))
  const miniflare = new Miniflare({
    modules: true,
    script: await bundle(),
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
    cf: false,
    r2Buckets,
    bindings: {
      HELIOSTAT_DATABASE__CONNECTION: database.url,
      HELIOSTAT_HELIOSTAT__ALLOW_UNAUTHENTICATED: 'true',
      ...options,
    },
    // Its access log; errors stay visible.
    handleRuntimeStdio(stdout: Readable, stderr: Readable) {
      stdout.resume()
      stderr.pipe(process.stderr, { end: false })
    },
  })
  const { origin } = await miniflare.ready
  return {
    url: origin,
    miniflare,
    registry: database.registry,
    request: (path: string, init?: RequestInit) => fetch(`${origin}${path}`, init),
    async stop() {
      await miniflare.dispose()
      await database.stop()
      await folder.remove()
    },
  }
}

wireSuite('Worker', startWorker)

describe('Worker, with options that it cannot honour', () => {
  it('answers nothing, and names them all (503)', async () => {
    const worker = await startWorker({
      HELIOSTAT_HELIOSTAT__TOKEN_FILE: '/etc/tokens',
      HELIOSTAT_HELIOSTAT__SIGNATURE_CERTIFICATES: '/etc/certificates',
      HELIOSTAT_MIRROR__UPSTREAM: 'http://origin:9292',
    })
    const response = await worker.request('/healthcheck')
    const text = await response.text()
    await worker.stop()
    assert.equal(response.status, 503)
    assert.match(text, /token_file: a Worker has no files/)
    assert.match(text, /signature_certificates: a Worker has no files/)
    assert.match(text, /upstream: a Worker cannot follow another site/)
  })
})

describe('Worker, with a bucket that is not there', () => {
  it('is not ready, and says what is missing (503)', async () => {
    const worker = await startWorker({}, [])
    const response = await worker.request('/readyz')
    const answer = await response.text()
    await worker.stop()
    assert.equal(response.status, 503)
    assert.match(answer, /^\[r2\] r2_binding: got "BLOBS", wanted the name of an R2 bucket/m)
  })
})

describe('Worker, as it is cloned', () => {
  it('says what to set, and where (503)', async () => {
    const worker = await startWorker({
      HELIOSTAT_DATABASE__CONNECTION: '',
      HELIOSTAT_HELIOSTAT__ALLOW_UNAUTHENTICATED: '',
      HELIOSTAT_PASTE_DEPLOY__FLAVOR: 'token',
    })
    const response = await worker.request('/v2/images')
    const text = await response.text()
    await worker.stop()
    assert.equal(response.status, 503)
    assert.match(text, /^503 Service Unavailable\n\nThis Worker is not configured\.\n/)
    assert.match(text, /^HELIOSTAT_DATABASE__CONNECTION: the address of a libSQL server/m)
    assert.match(text, /^HELIOSTAT_HELIOSTAT__TOKENS: the lines that `heliostat token` prints/m)
    assert.match(text, /npx wrangler secret put NAME.*\.dev\.vars/)
    assert.doesNotMatch(text, /file, since|token_file/)
  })
})

describe('Worker, with Keystone', () => {
  let keystone: TestKeystone
  let worker: Awaited<ReturnType<typeof startWorker>>

  before(async () => {
    keystone = await startKeystone()
    keystone.known.set('token-of-ann', tokenFor())
    worker = await startWorker(environmentOf(usingKeystone(keystone)))
  })
  after(async () => {
    await worker.stop()
    await keystone.close()
  })

  const list = (token: string) =>
    worker.request('/v2/images', { headers: { 'X-Auth-Token': token } })

  it('has a token validated once, however many requests come with it (200)', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => list('token-of-ann')))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.deepEqual(keystone.subjects, ['token-of-ann'])
  })

  it('refuses a forged token (401)', async () => {
    const response = await list('forged')
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('WWW-Authenticate'), `Keystone uri="${keystone.url}"`)
  })

  it('remembers tokens while Keystone is away, and knows no others (200, 503)', async () => {
    keystone.trouble = { status: 500 }
    assert.equal((await list('token-of-ann')).status, 200)
    assert.equal((await list('token-of-bob')).status, 503)
  })
})

describe('Worker, on its schedule', () => {
  let worker: Awaited<ReturnType<typeof startWorker>>

  before(async () => {
    worker = await startWorker({ HELIOSTAT_HELIOSTAT__SWEEP_GRACE: '0' })
  })
  after(() => worker.stop())

  async function runSchedule(): Promise<string> {
    const fetcher = await worker.miniflare.getWorker()
    return (await fetcher.scheduled({ cron: '*/5 * * * *' })).outcome
  }

  async function countChunks(): Promise<number> {
    const bucket = await worker.miniflare.getR2Bucket('BLOBS')
    return (await bucket.list({ prefix: 'chunks/' })).objects.length
  }

  it('removes the chunks of deleted images only', async () => {
    const gone = await createActiveImage(worker, 'gone')
    const kept = await createActiveImage(worker, 'kept')
    assert.equal(await countChunks(), 2)
    await deleteImage(worker, gone.id)
    assert.equal(await runSchedule(), 'ok')
    assert.equal(await countChunks(), 1)
    assert.equal(await (await downloadData(worker, kept.id)).text(), 'kept')
  })

  it('takes the image of a dead upload back to queued', async () => {
    const { id } = await createImage(worker, BARE_RAW)
    const upload = newUpload(id, 'r2')
    await createUploadRepo(worker.registry).begin(upload, Date.now())
    await worker.registry.update(uploads).set({ heartbeat_at: Date.now() - 60_000 })
    assert.equal((await showImage(worker, id)).status, 'saving')
    assert.equal(await runSchedule(), 'ok')
    assert.equal((await showImage(worker, id)).status, 'queued')
  })
})

describe('Worker, with a chunk missing', () => {
  let worker: Awaited<ReturnType<typeof startWorker>>

  before(async () => {
    worker = await startWorker(environmentOf(SMALL_CHUNKS))
  })
  after(() => worker.stop())

  async function removeChunk(digest: string): Promise<void> {
    const bucket = await worker.miniflare.getR2Bucket('BLOBS')
    await bucket.delete(`chunks/${digest}`)
  }

  it('breaks a download off instead of ending it early (200)', async () => {
    const { id } = await createImage(worker, BARE_RAW)
    const data = randomData(3 << 20)
    const second = createHash('sha256')
      .update(data.subarray(1 << 20, 2 << 20))
      .digest('hex')
    assert.equal((await uploadData(worker, id, data)).status, 204)
    await removeChunk(second)
    const response = await downloadData(worker, id)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Length'), String(data.length))
    await assert.rejects(response.arrayBuffer())
  })
})
