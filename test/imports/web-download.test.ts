import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, describe, it, mock } from 'node:test'
import { BARE_QCOW2, BARE_RAW, createImage, downloadData, showImage } from '../support/images.ts'
import { importedImage, importImage } from '../support/imports.ts'
import { type Answer, type FileServer, startFileServer } from '../support/file-server.ts'
import { randomData } from '../support/random-data.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let files: FileServer
let site: TestSite
before(async () => {
  files = await startFileServer()
  site = await createTestSite({
    DEFAULT: { enabled_backends: 'one:file, two:file', image_size_cap: String(8 << 20) },
    glance_store: { default_backend: 'one' },
    one: { filesystem_store_datadir: '/one' },
    two: { filesystem_store_datadir: '/two' },
    import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(files.url).port },
    heliostat: { chunk_size: '1MB' },
  })
})
after(async () => {
  await site.close()
  await files.close()
})
afterEach(() => {
  mock.restoreAll()
  files.answers.length = 0
  files.requests.length = 0
})

/** The outcome of a download of what lies there. */
async function download(uri: string, more: object = {}, attributes = BARE_RAW) {
  const { id } = await createImage(site, attributes)
  const { method = {}, ...keys } = more as { method?: object }
  const asked = { method: { name: 'web-download', uri, ...method }, ...keys }
  const response = await importImage(site, id, asked)
  assert.equal(response.status, 202, await response.text())
  return importedImage(site, id)
}

const bytesOf = async (id: string) =>
  Buffer.from(await (await downloadData(site, id)).arrayBuffer())

/** Sends so many bytes of what it announces, and cuts the connection. */
const cutAfter =
  (length: number): Answer =>
  (_incoming, outgoing, bytes) => {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    outgoing.writeHead(200, { ETag: etag, 'Content-Length': bytes.length })
    outgoing.write(bytes.subarray(0, length), () => outgoing.destroy())
  }

const sendWith =
  (headers: Record<string, string | number>): Answer =>
  (_incoming, outgoing, bytes) =>
    outgoing.writeHead(200, headers).end(bytes)

describe('import by web-download', () => {
  it('takes in what a server has', async () => {
    const bytes = randomData(3 << 20)
    const { task, image } = await download(files.put(bytes))
    assert.deepEqual([task.status, image.status, image.size], ['success', 'active', bytes.length])
    assert.deepEqual(await bytesOf(image.id), bytes)
    assert.deepEqual(files.requests, ['GET'])
  })

  it('goes on where the connection broke, as often as that happens', async () => {
    const bytes = randomData(3 << 20)
    const uri = files.put(bytes)
    files.answers.push(cutAfter(1 << 20))
    const { task, image } = await download(uri)
    assert.deepEqual([task.status, task.message], ['success', ''])
    assert.deepEqual(await bytesOf(image.id), bytes)
    assert.equal(files.requests[0], 'GET')
    assert.match(files.requests[1] ?? '', /^GET bytes=\d+-$/)
  })

  it('takes in what comes without a length', async () => {
    const bytes = randomData(1 << 20)
    const uri = files.put(bytes)
    files.answers.push((_incoming, outgoing) => {
      outgoing.write(bytes.subarray(0, 1000))
      outgoing.end(bytes.subarray(1000))
    })
    assert.deepEqual(await bytesOf((await download(uri)).image.id), bytes)
  })

  it('follows a redirect, and none to where it may not', async () => {
    const bytes = randomData(1000)
    const uri = files.put(bytes)
    const from = files.put(Buffer.alloc(0))
    const to =
      (location: string): Answer =>
      (_incoming, outgoing) =>
        outgoing.writeHead(302, { Location: location }).end()
    files.answers.push(to(uri))
    assert.equal((await download(from)).image.size, 1000)
    files.answers.push(to('http://169.254.169.254/latest/meta-data'))
    const { task, image } = await download(from)
    assert.equal(task.status, 'failure')
    assert.match(task.message, /^Address is refused for host "169.254.169.254"/)
    assert.equal(image.status, 'queued')
  })

  const failures: [what: string, answer: Answer, message: RegExp][] = [
    ['is not there', (_in, out) => out.writeHead(404).end(), / answers 404: wanted the file$/],
    ['is for others', (_in, out) => out.writeHead(403).end('no'), / answers 403: wanted the file$/],
    ['is compressed on its way', sendWith({ 'Content-Encoding': 'gzip' }), /Content-Encoding/],
    [
      'breaks off, of no version that could be gone on with',
      (_in, out, bytes) => {
        out.writeHead(200, { 'Content-Length': bytes.length })
        out.write(bytes.subarray(0, 1000), () => out.destroy())
      },
      / broke off: /,
    ],
  ]
  for (const [what, answer, message] of failures) {
    it(`fails where it ${what}, and the image is queued`, async () => {
      const uri = files.put(randomData(1 << 20))
      files.answers.push(answer)
      const { task, image } = await download(uri)
      assert.equal(task.status, 'failure')
      assert.match(task.message, message)
      assert.deepEqual(
        [image.status, image.size, image['os_glance_failed_import']],
        ['queued', null, 'one'],
      )
      assert.equal(image['os_glance_import_task'], undefined)
    })
  }

  it('fails where the file is another one when it is gone on with', async () => {
    const uri = files.put(randomData(3 << 20))
    files.answers.push(cutAfter(1 << 20), (incoming, outgoing) =>
      files.serve(incoming, outgoing, randomData(3 << 20)),
    )
    const { task, image } = await download(uri)
    assert.match(task.message, /has changed while it was read/)
    assert.equal(image.status, 'queued')
  })

  it('takes no more than one image may have [413 in the message]', async () => {
    const { task, image } = await download(files.put(randomData(9 << 20)))
    assert.match(task.message, /^The incoming image is too large: .* image_size_cap is 8388608/)
    assert.equal(image.status, 'queued')
  })

  it('looks at the format', async () => {
    const { task, image } = await download(files.put(randomData(1000)), {}, BARE_QCOW2)
    assert.deepEqual(
      [task.message, image.status],
      ['Image disk_format qcow2 does not match stream data raw', 'queued'],
    )
  })

  const hex = (bytes: Uint8Array, algorithm: string) =>
    createHash(algorithm).update(bytes).digest('hex')
  const claims: [what: string, claim: (bytes: Uint8Array) => object][] = [
    ['os_hash_value', (b) => ({ os_hash_algo: 'sha256', os_hash_value: hex(b, 'sha256') })],
    ['a line of SHA512SUMS', (b) => ({ checksum: `${hex(b, 'sha512')} *disk image.raw` })],
    [
      'a line of BSD',
      (b) => ({ checksum: `SHA256 (disk.raw) = ${hex(b, 'sha256').toUpperCase()}` }),
    ],
    ['an MD5 alone', (b) => ({ checksum: hex(b, 'md5') })],
  ]
  for (const [what, claim] of claims) {
    it(`verifies the bytes by ${what}`, async () => {
      const bytes = randomData(1 << 20)
      const uri = files.put(bytes)
      assert.equal((await download(uri, { method: claim(bytes) })).image.status, 'active')
      const { task, image } = await download(uri, { method: claim(randomData(10)) })
      assert.match(task.message, /^The bytes are not those that were announced: /)
      assert.equal(image.status, 'queued')
    })
  }

  it('goes into the next store where one fails that must not, and asks the server again', async () => {
    mock.method(site.memoryOf('one'), 'put', async () => {
      throw new Error('The disk is gone')
    })
    const bytes = randomData(1 << 20)
    const keys = { stores: ['one', 'two'], all_stores_must_succeed: false }
    const { task, image } = await download(files.put(bytes), keys)
    assert.deepEqual(
      [task.status, image.stores, image['os_glance_failed_import']],
      ['success', 'two', 'one'],
    )
    assert.deepEqual(await bytesOf(image.id), bytes)
  })

  it('goes on in another process from the beginning', async () => {
    const bytes = randomData(2 << 20)
    const uri = files.put(bytes)
    files.answers.push((_incoming, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': bytes.length })
      outgoing.write(bytes.subarray(0, 1000))
    })
    const { id } = await createImage(site, BARE_RAW)
    await importImage(site, id, { method: { name: 'web-download', uri } })
    while (files.requests.length === 0) await new Promise(setImmediate)
    await site.services.importer.stop()
    assert.equal((await showImage(site, id)).status, 'importing')
    await site.services.importer.recover()
    const { image } = await importedImage(site, id)
    assert.equal(image.status, 'active')
    assert.deepEqual(await bytesOf(id), bytes)
  })
})
