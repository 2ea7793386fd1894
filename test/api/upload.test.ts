import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { uploads } from '../../schema/tables.ts'
import { createChunkBuffers } from '../../src/blobs/chunk-buffers.ts'
import { inlineDigester } from '../../src/blobs/digest.ts'
import { HeliostatError } from '../../src/errors.ts'
import { createUploadRepo } from '../../src/images/upload/rows.ts'
import { createUploader } from '../../src/images/upload/uploader.ts'
import { UPLOAD_LEASE_MS } from '../../src/inventory/leases.ts'
import { createSweeper } from '../../src/inventory/sweep.ts'
import { sweptStore } from '../../src/stores/store.ts'
import { qcow2Header, vmdkDescriptor, vmdkHeader } from '../blobs/inspect/headers.ts'
import {
  actOn,
  BARE_QCOW2,
  BARE_RAW,
  bytesOf,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  OCTETS,
  patchImage,
  showImage,
  storedChunks,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import { collectLogs } from '../support/logs.ts'
import { SMALL_CHUNKS, TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const MIB = 1024 * 1024

let site: TestSite
before(async () => {
  site = await createTestSite(SMALL_CHUNKS)
})
after(() => site.close())

type Bytes = Uint8Array<ArrayBuffer>

const chunk = (fill: number): Bytes => new Uint8Array(MIB).fill(fill)
const ownBytes = (bytes: Uint8Array): Bytes => Uint8Array.from(bytes)

/** The facts that an upload writes, as a failed one must leave them. */
async function dataFacts(from: TestSite, id: string) {
  const image = await showImage(from, id)
  const { status, size, virtual_size, checksum, os_hash_algo, os_hash_value } = image
  return { status, size, virtual_size, checksum, os_hash_algo, os_hash_value }
}

const NO_DATA = {
  status: 'queued',
  size: null,
  virtual_size: null,
  checksum: null,
  os_hash_algo: null,
  os_hash_value: null,
}

/** Status and text of a refusal, as one line. */
async function refusal(response: Response): Promise<string> {
  return `${response.status} ${await errorMessage(response)}`
}

const put = async (id: string, body: Bytes, headers = {}) =>
  refusal(await uploadData(site, id, body, headers))

describe('an upload', () => {
  it('makes the image active, with what is known of its data (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const response = await uploadData(site, id, bytesOf('hello'))
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.deepEqual(await dataFacts(site, id), {
      status: 'active',
      size: 5,
      virtual_size: 5,
      checksum: '5d41402abc4b2a76b9719d911017c592',
      os_hash_algo: 'sha512',
      os_hash_value:
        '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7' +
        '2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043',
    })
  })

  it('takes nothing for data too (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    assert.equal((await uploadData(site, id, new Uint8Array())).status, 204)
    const facts = await dataFacts(site, id)
    assert.equal(facts.status, 'active')
    assert.equal(facts.size, 0)
    assert.equal(facts.virtual_size, null)
    assert.equal(facts.checksum, 'd41d8cd98f00b204e9800998ecf8427e')
    assert.match(String(facts.os_hash_value), /^cf83e1357eefb8bdf1542850d66d8007/)
  })

  it('takes a request without a body for zero bytes (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const init = { method: 'PUT', headers: OCTETS }
    const response = await site.request(`/v2/images/${id}/file`, init)
    assert.equal(response.status, 204)
    assert.equal((await dataFacts(site, id)).size, 0)
  })

  it('keeps several chunks in order, and zeros without a chunk (204)', async () => {
    const alone = await createTestSite(SMALL_CHUNKS)
    const { id } = await createImage(alone, BARE_RAW)
    const body = new Blob([chunk(1), chunk(0), chunk(2), bytesOf('end')])
    assert.equal((await uploadData(alone, id, body.stream())).status, 204)
    assert.equal((await storedChunks(alone)).length, 3)
    const downloaded = await (await downloadData(alone, id)).arrayBuffer()
    assert.deepEqual(Buffer.from(downloaded), Buffer.from(await body.arrayBuffer()))
    await alone.close()
  })

  it('hashes as it is configured (204)', async () => {
    const other = await createTestSite({ DEFAULT: { hashing_algorithm: 'sha256' } })
    const { id } = await createActiveImage(other, 'hello')
    const facts = await dataFacts(other, id)
    assert.equal(facts.os_hash_algo, 'sha256')
    assert.match(String(facts.os_hash_value), /^2cf24dba5fb0a30e26e83b2ac5b9e29e/)
    await other.close()
  })

  it('reads the virtual size of a disk format (204)', async () => {
    const { id } = await createImage(site, BARE_QCOW2)
    await uploadData(site, id, ownBytes(qcow2Header({ size: 4096n })))
    const facts = await dataFacts(site, id)
    assert.equal(facts.size, 512)
    assert.equal(facts.virtual_size, 4096)
  })

  it('moves updated_at', async () => {
    const { id, created_at } = await createImage(site, BARE_RAW)
    await uploadData(site, id, bytesOf('x'))
    const image = await showImage(site, id)
    assert.equal(image['created_at'], created_at)
    assert.ok(String(image['updated_at']) >= String(created_at))
  })
})

describe('the Content-Type of an upload', () => {
  it('may have parameters (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const headers = { 'Content-Type': 'application/octet-stream; charset=binary' }
    assert.equal((await uploadData(site, id, bytesOf('x'), headers)).status, 204)
  })

  it('is no other one, before the image is looked for (415)', async () => {
    const type = (given: string) =>
      uploadData(site, UNKNOWN_ID, bytesOf('x'), { 'Content-Type': given })
    assert.equal((await type('text/plain')).status, 415)
    assert.equal((await type('application/json')).status, 415)
    assert.equal((await type('')).status, 415)
  })

  it('is not left out, which leaves the image queued (415)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const body = bytesOf('x')
    const response = await site.request(`/v2/images/${id}/file`, { method: 'PUT', body })
    assert.equal(response.status, 415)
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })
})

describe('the size that an upload announces', () => {
  const sized = (size: string) => ({ 'X-OpenStack-Image-Size': size })

  it('may be right (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    assert.equal((await uploadData(site, id, bytesOf('hello'), sized('5'))).status, 204)
  })

  it('is more than comes (400)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    assert.equal(
      await put(id, bytesOf('hello'), sized('10')),
      '400 Size mismatch: expected 10 bytes, got 5 bytes',
    )
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })

  it('is less than comes (400)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    assert.equal(
      await put(id, bytesOf('hello'), sized('3')),
      '400 Size exceeds: expected 3 bytes, got 5 bytes',
    )
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })

  it('is the Content-Length unless it is said otherwise (400)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const wrong = { 'Content-Length': '9' }
    assert.match(await put(id, bytesOf('hello'), wrong), /^400 Size mismatch: expected 9 bytes/)
    const both = { ...wrong, ...sized('5') }
    assert.equal((await uploadData(site, id, bytesOf('hello'), both)).status, 204)
  })

  it('is a number, before the image is looked for (400)', async () => {
    const sentence = '400 Invalid or missing image size in request headers.'
    assert.equal(await put(UNKNOWN_ID, bytesOf('x'), sized('five')), sentence)
    assert.equal(await put(UNKNOWN_ID, bytesOf('x'), sized('-1')), sentence)
    assert.equal(await put(UNKNOWN_ID, bytesOf('x'), sized('1.5')), sentence)
  })
})

describe('an image that takes no upload', () => {
  it('is unknown (404)', async () => {
    assert.equal((await uploadData(site, UNKNOWN_ID, bytesOf('x'))).status, 404)
  })

  it('is deleted (404)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    await deleteImage(site, id)
    assert.equal((await uploadData(site, id, bytesOf('x'))).status, 404)
  })

  it('has data already, which stays (409)', async () => {
    const { id } = await createActiveImage(site, 'the first data')
    const facts = await dataFacts(site, id)
    assert.equal(
      await put(id, bytesOf('other data')),
      '409 Image status transition from active to saving is not allowed',
    )
    assert.deepEqual(await dataFacts(site, id), facts)
    assert.equal(await (await downloadData(site, id)).text(), 'the first data')
  })

  it('is deactivated (409)', async () => {
    const { id } = await createActiveImage(site, 'the first data')
    await actOn(site, id, 'deactivate')
    assert.equal((await uploadData(site, id, bytesOf('x'))).status, 409)
  })

  it('has no formats (400)', async () => {
    const { id } = await createImage(site)
    assert.equal(
      await put(id, bytesOf('x')),
      '400 Properties disk_format, container_format must be set prior to saving data.',
    )
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })

  it('lacks one format (400)', async () => {
    const noDisk = await createImage(site, { container_format: 'bare' })
    assert.equal(
      await put(noDisk.id, bytesOf('x')),
      '400 Property disk_format must be set prior to saving data.',
    )
    const noContainer = await createImage(site, { disk_format: 'raw' })
    assert.equal(
      await put(noContainer.id, bytesOf('x')),
      '400 Property container_format must be set prior to saving data.',
    )
  })

  it("is another project's (403)", async () => {
    const closed = await createTestSite(TRUSTED)
    const open = { ...BARE_RAW, visibility: 'community' }
    const seen = await createImage(closed, open, asCaller('alice'))
    const hidden = await createImage(closed, BARE_RAW, asCaller('alice'))
    const upload = (id: string, headers: Record<string, string>) =>
      uploadData(closed, id, bytesOf('x'), headers)
    assert.equal(
      await refusal(await upload(seen.id, asCaller('bob'))),
      '403 You are not authorized to complete upload_image action.',
    )
    assert.equal((await upload(seen.id, asCaller('alice', 'reader'))).status, 403)
    assert.equal((await upload(hidden.id, asCaller('bob'))).status, 404)
    assert.equal((await upload(hidden.id, asCaller('alice', 'member'))).status, 204)
    assert.equal((await upload(seen.id, asCaller('cloud', 'admin'))).status, 204)
    await closed.close()
  })
})

describe('an upload of something else than the disk format says', () => {
  it('is refused (415)', async () => {
    const { id } = await createImage(site, BARE_QCOW2)
    assert.equal(
      await put(id, bytesOf('no qcow2 at all')),
      '415 Image disk_format qcow2 does not match stream data raw',
    )
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })

  it('can be followed by the right one (204)', async () => {
    const { id } = await createImage(site, BARE_QCOW2)
    await uploadData(site, id, bytesOf('no qcow2 at all'))
    assert.equal((await uploadData(site, id, ownBytes(qcow2Header()))).status, 204)
    assert.equal((await dataFacts(site, id)).status, 'active')
  })

  it('is taken when the format is raw, which may be anything (204)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    assert.equal((await uploadData(site, id, ownBytes(qcow2Header()))).status, 204)
    assert.equal((await dataFacts(site, id)).virtual_size, 512)
  })

  it('is taken when the container is not bare (204)', async () => {
    const { id } = await createImage(site, { disk_format: 'qcow2', container_format: 'ovf' })
    assert.equal((await uploadData(site, id, bytesOf('an archive'))).status, 204)
    assert.equal((await dataFacts(site, id)).virtual_size, null)
  })

  it('is taken when the format is that of a kernel (204)', async () => {
    const { id } = await createImage(site, { disk_format: 'aki', container_format: 'bare' })
    assert.equal((await uploadData(site, id, bytesOf('a kernel'))).status, 204)
    assert.equal((await dataFacts(site, id)).virtual_size, null)
  })

  it('is taken when the site does not ask for a match (204)', async () => {
    const lenient = await createTestSite({ image_format: { require_image_format_match: 'false' } })
    const { id } = await createImage(lenient, BARE_QCOW2)
    assert.equal((await uploadData(lenient, id, bytesOf('no qcow2'))).status, 204)
    await lenient.close()
  })
})

describe('an upload that is not safe to boot from', () => {
  it('is a qcow2 with a backing file (415)', async () => {
    const { id } = await createImage(site, BARE_QCOW2)
    assert.match(
      await put(id, ownBytes(qcow2Header({ backingFile: 0x200n }))),
      /^415 Image failed safety checks/,
    )
    assert.deepEqual(await dataFacts(site, id), NO_DATA)
  })

  it('is a qcow2 with an external data file (415)', async () => {
    const { id } = await createImage(site, BARE_QCOW2)
    const bytes = ownBytes(qcow2Header({ features: 0b100n }))
    assert.match(await put(id, bytes), /^415 Image failed safety checks/)
  })

  it('is a vmdk with extents elsewhere (415)', async () => {
    const { id } = await createImage(site, { disk_format: 'vmdk', container_format: 'bare' })
    const descriptor = vmdkDescriptor({ extent: 'RW 2097152 FLAT "/etc/passwd" 0' })
    assert.match(
      await put(id, ownBytes(vmdkHeader({ descriptor }))),
      /^415 Image failed safety checks/,
    )
  })

  it('is one without a match being asked for, too (415)', async () => {
    const lenient = await createTestSite({ image_format: { require_image_format_match: 'false' } })
    const { id } = await createImage(lenient, BARE_QCOW2)
    const bytes = ownBytes(qcow2Header({ backingFile: 0x200n }))
    assert.equal((await uploadData(lenient, id, bytes)).status, 415)
    await lenient.close()
  })
})

describe('an upload beyond image_size_cap', () => {
  it('is refused, and leaves no chunk (413)', async () => {
    const small = await createTestSite({
      DEFAULT: { image_size_cap: String(2 * MIB) },
      ...SMALL_CHUNKS,
    })
    const { id } = await createImage(small, BARE_RAW)
    const body = new Blob([chunk(1), chunk(2), bytesOf('!')]).stream()
    assert.match(
      await refusal(await uploadData(small, id, body)),
      /^413 The incoming image is too large: The provided image is too large\./,
    )
    assert.deepEqual(await dataFacts(small, id), NO_DATA)
    assert.deepEqual(await storedChunks(small), [])
    const fitting = new Blob([chunk(1), chunk(2)]).stream()
    assert.equal((await uploadData(small, id, fitting)).status, 204)
    await small.close()
  })
})

/** A body that the test sends piece by piece. */
function slowBody() {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null
  const stream = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own
    },
  })
  return {
    stream,
    send: (bytes: Uint8Array) => controller?.enqueue(bytes),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error('connection lost')),
  }
}

/** Waits for the first chunk to be stored. */
async function firstChunk(from: TestSite): Promise<void> {
  while ((await storedChunks(from)).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('an image while its data comes in', () => {
  it('is saving, and takes neither other data nor other formats (409)', async () => {
    const alone = await createTestSite(SMALL_CHUNKS)
    const { id } = await createImage(alone, BARE_RAW)
    const body = slowBody()
    const uploading = uploadData(alone, id, body.stream)
    body.send(chunk(1))
    await firstChunk(alone)
    assert.equal((await showImage(alone, id)).status, 'saving')
    assert.equal((await uploadData(alone, id, bytesOf('x'))).status, 409)
    assert.equal((await downloadData(alone, id)).status, 204)
    assert.equal((await actOn(alone, id, 'deactivate')).status, 403)
    const patch = [{ op: 'replace', path: '/disk_format', value: 'qcow2' }]
    assert.equal((await patchImage(alone, id, patch)).status, 403)
    const rename = [{ op: 'replace', path: '/name', value: 'renamed' }]
    assert.equal((await patchImage(alone, id, rename)).status, 200)
    body.end()
    assert.equal((await uploading).status, 204)
    const image = await showImage(alone, id)
    assert.equal(image.status, 'active')
    assert.equal(image['name'], 'renamed')
    await alone.close()
  })

  it('is queued again when the client goes away, and no chunk is left (500)', async () => {
    const alone = await createTestSite(SMALL_CHUNKS)
    const { id } = await createImage(alone, BARE_RAW)
    const body = slowBody()
    const uploading = uploadData(alone, id, body.stream)
    body.send(chunk(1))
    body.send(chunk(2))
    await firstChunk(alone)
    body.fail()
    assert.equal((await uploading).status, 500)
    assert.deepEqual(await dataFacts(alone, id), NO_DATA)
    assert.deepEqual(await storedChunks(alone), [])
    assert.equal((await uploadData(alone, id, bytesOf('again'))).status, 204)
    await alone.close()
  })

  it('may be deleted, of which the uploader hears (410)', async () => {
    const alone = await createTestSite(SMALL_CHUNKS)
    const { id } = await createImage(alone, BARE_RAW)
    const body = slowBody()
    const uploading = uploadData(alone, id, body.stream)
    body.send(chunk(1))
    await firstChunk(alone)
    assert.equal((await deleteImage(alone, id)).status, 204)
    body.send(chunk(2))
    body.end()
    assert.equal((await uploading).status, 410)
    assert.equal((await alone.request(`/v2/images/${id}`)).status, 404)
    assert.deepEqual(await storedChunks(alone), [])
    await alone.close()
  })

  it('may be deleted after the last byte but one chunk has come (410)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const body = slowBody()
    const uploading = uploadData(site, id, body.stream)
    body.send(bytesOf('a few bytes'))
    while ((await showImage(site, id)).status !== 'saving') {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.equal((await deleteImage(site, id)).status, 204)
    body.end()
    assert.equal((await uploading).status, 410)
  })

  it('belongs to the first of two uploads (409)', async () => {
    const { id } = await createImage(site, BARE_RAW)
    const statuses = await Promise.all([
      uploadData(site, id, bytesOf('one')),
      uploadData(site, id, bytesOf('two')),
    ])
    assert.deepEqual(statuses.map(({ status }) => status).toSorted(), [204, 409])
    assert.equal((await showImage(site, id)).status, 'active')
  })
})

/** The uploader of another process that shares the registry and the store. */
function uploaderBeside({ registry, services }: TestSite) {
  return createUploader({
    uploads: createUploadRepo(registry),
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    sweeper: createSweeper({
      registry,
      stores: services.stores.all.flatMap(sweptStore),
      damage: () => null,
    }),
    looseObjects: services.looseObjects,
    limits: services.limits,
    signatures: { open: async () => null },
    options: {
      ...services.config.heliostat,
      ...services.config.DEFAULT,
      ...services.config.image_format,
      unpacks: false,
    },
  })
}

/** As if nobody had been heard of for longer than a lease lasts. */
function endLeases({ registry }: TestSite) {
  return registry.update(uploads).set({ heartbeat_at: Date.now() - UPLOAD_LEASE_MS - 1 })
}

describe('an upload whose process was suspended', () => {
  let alone: TestSite
  let id: string
  let body: ReturnType<typeof slowBody>
  let uploading: Promise<Response>

  beforeEach(async () => {
    alone = await createTestSite(SMALL_CHUNKS)
    id = (await createImage(alone, BARE_RAW)).id
    body = slowBody()
    uploading = uploadData(alone, id, body.stream)
    body.send(chunk(1))
    await firstChunk(alone)
    await endLeases(alone)
  })
  afterEach(async () => {
    body.fail()
    await uploading
    await alone.close()
  })

  it('is not ended by that process itself (204)', async () => {
    await alone.services.uploader.recover()
    assert.equal((await showImage(alone, id)).status, 'saving')
    body.send(chunk(2))
    body.end()
    assert.equal((await uploading).status, 204)
  })

  it('may have been ended by another process, and says so (503)', async () => {
    await uploaderBeside(alone).recover()
    assert.deepEqual(await dataFacts(alone, id), NO_DATA)
    body.send(chunk(2))
    body.end()
    assert.match(
      await refusal(await uploading),
      /^503 The upload of image \S+ was ended because nothing was heard of it for 15 s: send it again$/,
    )
    assert.deepEqual(await dataFacts(alone, id), NO_DATA)
  })

  it('goes on when its process is heard of before another one ends it (204)', async () => {
    const repo = createUploadRepo(alone.registry)
    const [dead] = await repo.dead()
    assert.ok(dead)
    await repo.heartbeat(dead)
    assert.equal(await repo.abortDead(dead, Date.now()), false)
    body.end()
    assert.equal((await uploading).status, 204)
  })
})

describe('a store that fails', () => {
  it('leaves the image queued, and says nothing of why (500)', async () => {
    const broken = await createTestSite()
    broken.store.put = () => Promise.reject(new Error('disk on fire'))
    const { id } = await createImage(broken, BARE_RAW)
    const text = await refusal(await uploadData(broken, id, bytesOf('x')))
    assert.match(text, /^500 The server has either erred or is incapable/)
    assert.deepEqual(await dataFacts(broken, id), NO_DATA)
    await broken.close()
  })

  it('is named to the client also when it does not let the rest be cleared away (503)', async () => {
    const broken = await createTestSite()
    const refuse = (message: string) => new HeliostatError('unavailable', message)
    broken.store.put = () => Promise.reject(refuse('The image store refuses to be written'))
    broken.store.delete = () => Promise.reject(new Error('EROFS'))
    const { id } = await createImage(broken, BARE_RAW)
    const { lines, stop } = collectLogs()
    const text = await refusal(await uploadData(broken, id, bytesOf('x')))
    stop()
    assert.equal(text, '503 The image store refuses to be written')
    const line = `error: Cannot clear away the failed upload of image ${id}: EROFS`
    assert.ok(lines.includes(line), lines.join('\n'))
    assert.deepEqual(await dataFacts(broken, id), NO_DATA)
    await broken.close()
  })
})
