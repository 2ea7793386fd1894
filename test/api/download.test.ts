import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { blobChunks, imageLocations } from '../../schema/tables.ts'
import { createApp } from '../../src/app.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import {
  actOn,
  BARE_RAW,
  bytesOf,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  shareImage,
  storedChunks,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { collectLogs } from '../support/logs.ts'
import { SMALL_CHUNKS, TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, temporaryFolder, type TestSite } from '../support/site.ts'

const TEXT = '0123456789'
const MIB = 1024 * 1024

let site: TestSite
let id: string
let empty: string
let etag: string
before(async () => {
  site = await createTestSite()
  id = (await createActiveImage(site, TEXT)).id
  empty = (await createActiveImage(site, '')).id
  etag = `"${createHash('sha512').update(TEXT).digest('hex')}"`
})
after(() => site.close())

const get = (headers = {}) => downloadData(site, id, headers)
const ranged = (range: string) => get({ Range: range })

/** Status, Content-Range and body of an answer, as one line. */
async function slice(response: Response): Promise<string> {
  const range = response.headers.get('Content-Range')
  return `${response.status} ${range} ${await response.text()}`
}

/** Status, Content-Range and text of a refusal, as one line. */
async function refusal(response: Response): Promise<string> {
  const range = response.headers.get('Content-Range')
  return `${response.status} ${range} ${await errorMessage(response)}`
}

describe('a download', () => {
  it('is all of the data (200)', async () => {
    const response = await get()
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Type'), 'application/octet-stream')
    assert.equal(response.headers.get('Content-Length'), '10')
    assert.equal(response.headers.get('Content-Range'), null)
    assert.equal(await response.text(), TEXT)
  })

  it('says what the data is by its digests (200)', async () => {
    const { headers } = await get()
    assert.equal(headers.get('Content-MD5'), createHash('md5').update(TEXT).digest('hex'))
    const sha512 = createHash('sha512').update(TEXT).digest('base64')
    assert.equal(headers.get('Repr-Digest'), `sha-512=:${sha512}:`)
    assert.equal(headers.get('ETag'), etag)
    assert.equal(headers.get('Accept-Ranges'), 'bytes')
  })

  it('names the algorithm that the site hashes with (200)', async () => {
    const other = await createTestSite({ DEFAULT: { hashing_algorithm: 'sha256' } })
    const image = await createActiveImage(other, TEXT)
    const { headers } = await downloadData(other, image.id)
    const sha256 = createHash('sha256').update(TEXT).digest('base64')
    assert.equal(headers.get('Repr-Digest'), `sha-256=:${sha256}:`)
    await other.close()
  })

  it('has no Repr-Digest for an algorithm that has no name there (200)', async () => {
    const other = await createTestSite({ DEFAULT: { hashing_algorithm: 'sha384' } })
    const image = await createActiveImage(other, TEXT)
    const { headers } = await downloadData(other, image.id)
    assert.equal(headers.get('Repr-Digest'), null)
    assert.equal(headers.get('ETag'), `"${createHash('sha384').update(TEXT).digest('hex')}"`)
    await other.close()
  })

  it('may be of zero bytes (200)', async () => {
    const response = await downloadData(site, empty)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Length'), '0')
    assert.equal(response.headers.get('Content-MD5'), 'd41d8cd98f00b204e9800998ecf8427e')
    assert.equal(await response.text(), '')
  })

  it('is of no image (404)', async () => {
    assert.equal((await downloadData(site, UNKNOWN_ID)).status, 404)
  })
})

describe('a download without data', () => {
  it('is empty while the image is queued (204)', async () => {
    const queued = await createImage(site, BARE_RAW)
    const response = await downloadData(site, queued.id)
    assert.equal(response.status, 204)
    assert.equal(response.headers.get('Content-Type'), null)
    assert.equal(await response.text(), '')
  })

  it('is empty whatever range is asked for (204)', async () => {
    const queued = await createImage(site, BARE_RAW)
    const response = await downloadData(site, queued.id, { Range: 'bytes=0-4' })
    assert.equal(response.status, 204)
  })

  it('is refused when the data has vanished from the store, which is logged (503)', async () => {
    const alone = await createTestSite()
    const image = await createActiveImage(alone, TEXT)
    for (const digest of await storedChunks(alone)) await alone.store.delete(digest)
    const { lines, stop } = collectLogs()
    const response = await downloadData(alone, image.id)
    stop()
    assert.equal(response.status, 503)
    assert.match(await errorMessage(response), /data of image \S+ is damaged or missing/)
    const [error = ''] = lines.filter((line) => line.startsWith('error: '))
    assert.match(error, new RegExp(`GET /v2/images/${image.id}/file failed`))
    await alone.close()
  })

  it('is refused while the store cannot be read, for a reason that is logged only (503)', async () => {
    const alone = await createTestSite()
    const image = await createActiveImage(alone, TEXT)
    alone.store.get = () => Promise.reject(new Error('Connection to the bucket refused'))
    for (const method of ['GET', 'HEAD']) {
      const { lines, stop } = collectLogs()
      const response = await alone.request(`/v2/images/${image.id}/file`, { method })
      stop()
      assert.equal(response.status, 503)
      assert.doesNotMatch(await response.text(), /bucket/)
      assert.match(lines.join('\n'), /Connection to the bucket refused/)
    }
    await alone.close()
  })

  it('is refused when the registry has lost what the image is made of, which is told (503)', async () => {
    for (const table of [imageLocations, blobChunks]) {
      const folder = await temporaryFolder()
      const alone = await openSiteOn(folder.path, { paste_deploy: { flavor: '' } })
      const image = await createActiveImage(alone, TEXT)
      const registry = openRegistry(openEmbedded(join(folder.path, 'data', 'registry.db')))
      await registry.delete(table)
      const response = await downloadData(alone, image.id)
      assert.equal(response.status, 503)
      assert.match(await errorMessage(response), /damaged or missing/)
      const { reasons } = await (await alone.request('/readyz')).json()
      assert.deepEqual(reasons, ['database-damaged'])
      const metrics = await (await alone.request('/metrics')).text()
      assert.match(metrics, /^heliostat_database_damaged 1$/m)
      registry.$client.close()
      await alone.close()
      await folder.remove()
    }
  })

  it('tells of no damage where the image was deleted meanwhile (404)', async () => {
    const alone = await createTestSite()
    const image = await createActiveImage(alone, TEXT)
    const noted: string[] = []
    const find = async () => {
      await deleteImage(alone, image.id)
      return null
    }
    const app = createApp({
      ...alone.services,
      manifests: { ...alone.services.manifests, find },
      noteDamage: async (what) => void noted.push(what),
    })
    assert.equal((await app.request(`/v2/images/${image.id}/file`)).status, 404)
    assert.deepEqual(noted, [])
    await alone.close()
  })
})

describe('HEAD for the data', () => {
  const head = (of: string, headers = {}, at: TestSite = site) =>
    at.request(`/v2/images/${of}/file`, { method: 'HEAD', headers })

  it('tells what a download would send (200)', async () => {
    const response = await head(id)
    assert.equal(response.status, 200)
    assert.deepEqual(
      [...response.headers].filter(([name]) => name !== 'x-openstack-request-id'),
      [...(await get()).headers].filter(([name]) => name !== 'x-openstack-request-id'),
    )
    assert.equal(response.headers.get('Content-Length'), '10')
    assert.equal(response.headers.get('ETag'), etag)
    assert.equal(await response.text(), '')
  })

  it('tells of zero bytes, and of none yet (200, 204)', async () => {
    assert.equal((await head(empty)).headers.get('Content-Length'), '0')
    assert.equal((await head((await createImage(site, BARE_RAW)).id)).status, 204)
  })

  it('tells of all the data, whatever range is asked for (200)', async () => {
    for (const range of ['bytes=2-4', 'bytes=99-', 'nonsense']) {
      const response = await head(id, { Range: range })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('Content-Length'), '10')
      assert.equal(response.headers.get('Content-Range'), null)
    }
    assert.equal((await head(id, { 'Content-Range': 'bytes 99-100/*' })).status, 200)
  })

  it('has conditions (304, 412)', async () => {
    assert.equal((await head(id, { 'If-None-Match': etag })).status, 304)
    assert.equal((await head(id, { 'If-None-Match': '"other"' })).status, 200)
    assert.equal((await head(id, { 'If-Match': '"other"' })).status, 412)
  })

  it('reads nothing of the data', async () => {
    const alone = await createTestSite(SMALL_CHUNKS)
    const image = await createActiveImage(alone, TEXT)
    const asked: (number | undefined)[] = []
    const { get: original } = alone.store
    alone.store.get = (digest, span) => {
      asked.push(span?.length)
      return original(digest, span)
    }
    assert.equal((await head(image.id, {}, alone)).status, 200)
    assert.deepEqual(asked, [0])
    await alone.close()
  })

  it('is refused when the data has vanished from the store (503)', async () => {
    const alone = await createTestSite()
    const image = await createActiveImage(alone, TEXT)
    for (const digest of await storedChunks(alone)) await alone.store.delete(digest)
    assert.equal((await head(image.id, {}, alone)).status, 503)
    await alone.registry.delete(imageLocations)
    assert.equal((await head(image.id, {}, alone)).status, 503)
    await alone.close()
  })

  it('needs the right to download (401, 403, 404)', async () => {
    const closed = await createTestSite(TRUSTED)
    const image = await createImage(closed, BARE_RAW, asCaller('alice'))
    await uploadData(closed, image.id, bytesOf(TEXT), asCaller('alice'))
    assert.equal((await head(image.id, asCaller('alice'), closed)).status, 200)
    assert.equal((await head(image.id, asCaller('alice', 'reader'), closed)).status, 403)
    assert.equal((await head(image.id, asCaller('carol'), closed)).status, 404)
    assert.equal((await head(image.id, {}, closed)).status, 401)
    await actOn(closed, image.id, 'deactivate', asCaller('alice'))
    assert.equal((await head(image.id, asCaller('alice'), closed)).status, 403)
    await closed.close()
  })
})

describe('a range', () => {
  it('has a start and an end (206)', async () => {
    const response = await ranged('bytes=0-4')
    assert.equal(response.headers.get('Content-Length'), '5')
    assert.equal(await slice(response), '206 bytes 0-4/10 01234')
  })

  it('has the digests of the whole (206)', async () => {
    const { headers } = await ranged('bytes=0-4')
    assert.equal(headers.get('Content-MD5'), createHash('md5').update(TEXT).digest('hex'))
    assert.equal(headers.get('ETag'), etag)
    assert.equal(headers.get('Content-Type'), 'application/octet-stream')
  })

  it('has a start only (206)', async () => {
    assert.equal(await slice(await ranged('bytes=3-')), '206 bytes 3-9/10 3456789')
    assert.equal(await slice(await ranged('bytes=0-')), '206 bytes 0-9/10 0123456789')
  })

  it('has a length from the end (206)', async () => {
    assert.equal(await slice(await ranged('bytes=-3')), '206 bytes 7-9/10 789')
  })

  it('is one byte (206)', async () => {
    assert.equal(await slice(await ranged('bytes=9-9')), '206 bytes 9-9/10 9')
  })

  it('is cut to what is there (206)', async () => {
    assert.equal(await slice(await ranged('bytes=0-100')), '206 bytes 0-9/10 0123456789')
    assert.equal(await slice(await ranged('bytes=-100')), '206 bytes 0-9/10 0123456789')
  })

  it('is none at the end of the data (416)', async () => {
    assert.match(await refusal(await ranged('bytes=10-')), /^416 bytes \*\/10 /)
    assert.match(await refusal(await ranged('bytes=10-20')), /^416 bytes \*\/10 /)
  })

  it('is none of zero bytes from the end (416)', async () => {
    assert.match(await refusal(await ranged('bytes=-0')), /^416 bytes \*\/10 /)
  })

  it('is refused when it is none (416)', async () => {
    const sentence = '416 bytes */10 Invalid Range header.'
    assert.equal(await refusal(await ranged('bytes=5-2')), sentence)
    assert.equal(await refusal(await ranged('items=0-1')), sentence)
    assert.equal(await refusal(await ranged('bytes')), sentence)
    assert.equal(await refusal(await ranged('bytes=')), sentence)
    assert.equal(await refusal(await ranged('bytes=a-b')), sentence)
  })

  it('is refused when it is several (400)', async () => {
    assert.match(
      await refusal(await ranged('bytes=0-1,3-4')),
      /^400 null Requests with multiple ranges are not supported in Glance\. /,
    )
  })

  it('is none of an image of zero bytes (416)', async () => {
    const of = async (range: string) => (await downloadData(site, empty, { Range: range })).status
    assert.equal(await of('bytes=0-0'), 416)
    assert.equal(await of('bytes=0-'), 416)
    assert.equal(await of('bytes=-1'), 416)
  })

  it('spans chunks (206)', async () => {
    const chunked = await createTestSite(SMALL_CHUNKS)
    const image = await createImage(chunked, BARE_RAW)
    const parts = [new Uint8Array(MIB).fill(65), new Uint8Array(MIB), new Uint8Array(9).fill(66)]
    await uploadData(chunked, image.id, new Blob(parts).stream())
    const range = `bytes=${MIB - 2}-${2 * MIB + 1}`
    const response = await downloadData(chunked, image.id, { Range: range })
    assert.equal(response.status, 206)
    assert.equal(response.headers.get('Content-Length'), String(MIB + 4))
    assert.equal(await response.text(), `AA${'\0'.repeat(MIB)}BB`)
    const last = await downloadData(chunked, image.id, { Range: 'bytes=-3' })
    assert.equal(await last.text(), 'BBB')
    await chunked.close()
  })
})

describe('a range that is asked for with Content-Range', () => {
  const legacy = (range: string) => get({ 'Content-Range': range })

  it('is given to old clients (206)', async () => {
    assert.equal(await slice(await legacy('bytes 0-4/10')), '206 bytes 0-4/10 01234')
    assert.equal(await slice(await legacy('bytes 2-4/*')), '206 bytes 2-4/10 234')
  })

  it('is none beyond the data, backwards or malformed (416)', async () => {
    assert.equal((await legacy('bytes 0-10/11')).status, 416)
    assert.equal((await legacy('bytes 4-0/10')).status, 416)
    assert.equal((await legacy('bytes 0-4')).status, 416)
    assert.equal((await legacy('bytes=0-4')).status, 416)
  })

  it('yields to Range (206)', async () => {
    const both = { Range: 'bytes=0-1', 'Content-Range': 'bytes 5-6/10' }
    assert.equal(await slice(await get(both)), '206 bytes 0-1/10 01')
  })
})

describe('the conditions of a download', () => {
  it('spare those who have the data (304)', async () => {
    const response = await get({ 'If-None-Match': etag })
    assert.equal(response.status, 304)
    assert.equal(response.headers.get('ETag'), etag)
    assert.equal(await response.text(), '')
    assert.equal((await get({ 'If-None-Match': `"a", W/${etag}` })).status, 304)
    assert.equal((await get({ 'If-None-Match': '*' })).status, 304)
  })

  it('let others have it (200)', async () => {
    assert.equal((await get({ 'If-None-Match': '"other"' })).status, 200)
    assert.equal((await get({ 'If-Match': etag })).status, 200)
    assert.equal((await get({ 'If-Match': '*' })).status, 200)
  })

  it('fail when the data is another (412)', async () => {
    const response = await get({ 'If-Match': '"other"' })
    assert.equal(response.status, 412)
    assert.match(await errorMessage(response), /ETag/)
    assert.equal((await get({ 'If-Match': `W/${etag}` })).status, 412)
  })

  it('come before the range (304)', async () => {
    assert.equal((await get({ 'If-None-Match': etag, Range: 'bytes=99-' })).status, 304)
    assert.equal((await get({ 'If-Match': '"other"', Range: 'bytes=99-' })).status, 412)
  })

  it('on dates are ignored (200)', async () => {
    const future = 'Fri, 01 Jan 2100 00:00:00 GMT'
    assert.equal((await get({ 'If-Modified-Since': future })).status, 200)
    assert.equal(
      (await get({ 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).status,
      200,
    )
  })
})

describe('If-Range', () => {
  it('lets a part be sent of the same data (206)', async () => {
    const response = await get({ Range: 'bytes=2-3', 'If-Range': etag })
    assert.equal(await slice(response), '206 bytes 2-3/10 23')
  })

  it('has all of other data sent (200)', async () => {
    const other = await get({ Range: 'bytes=2-3', 'If-Range': '"other"' })
    assert.equal(await slice(other), `200 null ${TEXT}`)
    const weak = await get({ Range: 'bytes=2-3', 'If-Range': `W/${etag}` })
    assert.equal(weak.status, 200)
    const date = await get({ Range: 'bytes=2-3', 'If-Range': 'Fri, 01 Jan 2100 00:00:00 GMT' })
    assert.equal(date.status, 200)
  })

  it('has all sent where the range would be refused (200)', async () => {
    assert.equal((await get({ Range: 'bytes=99-', 'If-Range': '"other"' })).status, 200)
  })
})

describe('the data of a deactivated image', () => {
  let closed: TestSite
  let image: string
  const as = (project: string, roles?: string) =>
    downloadData(closed, image, asCaller(project, roles))

  before(async () => {
    closed = await createTestSite(TRUSTED)
    const attributes = { ...BARE_RAW, visibility: 'community' }
    image = (await createImage(closed, attributes, asCaller('alice'))).id
    await uploadData(closed, image, bytesOf(TEXT), asCaller('alice'))
    await actOn(closed, image, 'deactivate', asCaller('alice'))
  })
  after(() => closed.close())

  it('is forbidden to its owner (403)', async () => {
    const response = await as('alice')
    assert.equal(response.status, 403)
    assert.equal(
      await errorMessage(response),
      'The requested image has been deactivated. Image data download is forbidden.',
    )
  })

  it('is forbidden for that reason, before any policy is asked (403)', async () => {
    assert.match(await errorMessage(await as('bob', 'reader')), /has been deactivated/)
  })

  it('is sent to administrators (200)', async () => {
    const response = await as('cloud', 'admin')
    assert.equal(response.status, 200)
    assert.equal(await response.text(), TEXT)
  })
})

describe('the right to download', () => {
  let closed: TestSite
  let image: string
  const as = async (project: string, roles?: string) =>
    (await downloadData(closed, image, asCaller(project, roles))).status

  before(async () => {
    closed = await createTestSite(TRUSTED)
    image = (await createImage(closed, BARE_RAW, asCaller('alice'))).id
    await uploadData(closed, image, bytesOf(TEXT), asCaller('alice'))
    await shareImage(closed, image, 'bob', 'pending')
  })
  after(() => closed.close())

  it('is with members of the owner and of those it is shared with (200)', async () => {
    assert.equal(await as('alice'), 200)
    assert.equal(await as('alice', 'member'), 200)
    assert.equal(await as('bob'), 200)
    assert.equal(await as('cloud', 'admin'), 200)
  })

  it('is not with readers (403)', async () => {
    assert.equal(await as('alice', 'reader'), 403)
    assert.equal(await as('bob', 'reader'), 403)
  })

  it('is not with those who cannot see the image (404)', async () => {
    assert.equal(await as('carol'), 404)
    assert.equal(await as('alice', 'other'), 404)
  })

  it('ends with the image (404)', async () => {
    const gone = await createActiveImage(site, 'gone')
    await deleteImage(site, gone.id)
    assert.equal((await downloadData(site, gone.id)).status, 404)
  })
})
