/**
 * The S3 adapter against real servers, and what Glance's own S3 store wrote there. They are named by S3_ENDPOINTS: JSON,
 * `[{ "name": "radosgw", "host": "http://127.0.0.1:7480", "accessKey": "…", "secretKey": "…" }]`.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AwsClient } from 'aws4fetch'
import { sha256 } from '../../../src/blobs/digest.ts'
import { createS3Objects, withoutKeys } from '../../../src/blobs/s3/objects.ts'
import type { S3Options } from '../../../src/blobs/s3/settings.ts'
import { createS3Store, type S3Store } from '../../../src/blobs/s3/store.ts'
import { createOutgoing } from '../../../src/runtime/outgoing.ts'
import { chunkStoreContract } from '../../contract/chunk-store.ts'
import { randomChunk, read } from '../../support/chunks.ts'

const send = createOutgoing({})

interface Endpoint {
  name: string
  host: string
  accessKey: string
  secretKey: string
}

const GLANCE = fileURLToPath(new URL('./s3-glance.py', import.meta.url))
const GIBIBYTE = fileURLToPath(new URL('./s3-gibibyte.ts', import.meta.url))
const CHUNK = 8 << 20
const FEW = 100
const MAX_MEMORY_MIB = 300

const endpoints: Endpoint[] = JSON.parse(process.env.S3_ENDPOINTS ?? '[]')
if (endpoints.length === 0) {
  it('S3 is spoken with real servers', { skip: 'S3_ENDPOINTS names none' })
}

for (const [index, endpoint] of endpoints.entries()) {
  const open = (options: Partial<S3Options> = {}) =>
    createS3Store({ ...optionsFor(endpoint), ...options }, send)

  describe(`S3 of ${endpoint.name}`, () => {
    it('takes 1 GiB and gives it back, in little memory', (t) => movesGibibyte(t, endpoint))
    it('gives any span', () => givesSpans(open()))
    it('refuses bytes that are not the chunk', () => refusesOthers(open()))
    it('replaces what is not the chunk', () => replacesOthers(endpoint))
    it('says what is wrong with the options', () => tellsMistakes(open, endpoint))
    it('gives what Glance has written, in parts', () => givesImages(endpoint))
  })

  // Two pages are listed by one of them: a thousand chunks take Swift half a minute.
  const many = index === 0 ? undefined : FEW
  const opened = async () => ({ store: open(), close: async () => undefined })
  chunkStoreContract(endpoint.name, opened, many)
}

function optionsFor({ host, accessKey, secretKey }: Endpoint): S3Options {
  return {
    s3_store_host: host,
    s3_store_region_name: null,
    s3_store_bucket: `heliostat-${randomBytes(6).toString('hex')}`,
    s3_store_create_bucket_on_put: true,
    s3_store_bucket_url_format: 'auto',
    credentials: { accessKey, secretKey, sessionToken: null },
  }
}

/** By a process of its own, so that no other test has a part in its memory. */
async function movesGibibyte(t: TestContext, endpoint: Endpoint): Promise<void> {
  const args = ['--import', 'tsx', GIBIBYTE, JSON.stringify(optionsFor(endpoint))]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { writing, reading, memory } = JSON.parse(stdout)
  t.diagnostic(`${writing} MiB/s in, ${reading} MiB/s out, ${memory} MiB of memory`)
  assert.ok(memory < MAX_MEMORY_MIB, `${memory} MiB of memory`)
}

async function givesSpans(store: S3Store): Promise<void> {
  const { digest, bytes } = randomChunk(CHUNK)
  await store.put(digest, bytes)
  for (const [offset, length] of [
    [0, 1],
    [CHUNK - 1, 1],
    [4095, 4098],
    [1, CHUNK - 2],
    [0, CHUNK],
    [123_456, 0],
  ] as const) {
    const part = await read(await store.get(digest, { offset, length }))
    assert.equal(sha256(part), sha256(bytes.subarray(offset, offset + length)), `${offset}`)
  }
}

async function refusesOthers(store: S3Store): Promise<void> {
  const { digest } = randomChunk(1000)
  await assert.rejects(
    store.put(digest, randomChunk(1000).bytes),
    /answers 400 (XAmzContentSHA256Mismatch|BadDigest)/,
  )
  assert.equal(await store.get(digest), null)
}

async function replacesOthers(endpoint: Endpoint): Promise<void> {
  const options = optionsFor(endpoint)
  const store = createS3Store(options, send)
  const { digest, bytes } = randomChunk(36)
  // The bucket comes with the first object.
  await store.setOwner('me')
  const client = new AwsClient({
    accessKeyId: endpoint.accessKey,
    secretAccessKey: endpoint.secretKey,
    region: 'us-east-1',
    service: 's3',
    retries: 0,
  })
  const url = `${endpoint.host}/${options.s3_store_bucket}/chunks/${digest}`
  for (const other of [randomChunk(36).bytes, new Uint8Array(), bytes.subarray(1)]) {
    const { status } = await client.fetch(url, { method: 'PUT', body: new Uint8Array(other) })
    assert.equal(status, 200)
    await store.put(digest, bytes)
    assert.deepEqual(await read(await store.get(digest)), bytes)
  }
}

async function tellsMistakes(
  open: (options?: Partial<S3Options>) => S3Store,
  { host, accessKey }: Endpoint,
): Promise<void> {
  const keys = (key: string) => ({
    credentials: { accessKey: key, secretKey: 'wrong key', sessionToken: null },
  })
  await assert.rejects(open(keys(accessKey)).check(), /check s3_store_secret_key \(403/)
  // Swift's s3api does not tell which of the two is wrong.
  await assert.rejects(open(keys('nobody')).check(), /check s3_store_(access|secret)_key \(403/)
  await assert.rejects(open({ s3_store_create_bucket_on_put: false }).check(), {
    message: new RegExp(`^Cannot list chunks: bucket "heliostat-\\w+" at ${host} does not exist:`),
  })
  await open().check()
}

async function givesImages(endpoint: Endpoint): Promise<void> {
  const options = optionsFor(endpoint)
  const objects = createS3Objects(options, send)
  const id = randomUUID()
  const bytes = randomBytes((11 << 20) + 7)
  const { host, accessKey, secretKey } = endpoint
  const args = [GLANCE, host, accessKey, secretKey, options.s3_store_bucket, id]
  const glance = promisify(execFile)('/usr/bin/python3', args)
  glance.child.stdin?.end(bytes)
  const url = (await glance).stdout.trim()
  assert.ok(url.includes(secretKey))
  assert.equal(objects.holds(url), true)
  assert.equal(withoutKeys(url), `s3://${new URL(host).host}/${options.s3_store_bucket}/${id}`)
  assert.equal(await objects.size(url), bytes.length)
  for (const [offset, length] of [
    [0, bytes.length],
    [(5 << 20) - 3, 6],
    [bytes.length - 9, 9],
  ] as const) {
    const part = await read(await objects.get(url, { offset, length }))
    assert.equal(sha256(part), sha256(bytes.subarray(offset, offset + length)))
  }
  assert.equal(await objects.delete?.(url), 'gone')
  assert.equal(await objects.size(url), null)
}
