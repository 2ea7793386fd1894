/** Imports of images with the four img_signature… properties, by certificates in Barbican. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { startBarbican, type TestBarbican } from '../support/barbican.ts'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  downloadData,
  patchImage,
  showImage,
  storedChunks,
} from '../support/images.ts'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import { endedTask, importImage, stageData } from '../support/imports.ts'
import { TRUSTED } from '../support/options.ts'
import { makeCertificate, signatureOf } from '../support/signing.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const ALICE = { ...asCaller('alice'), 'X-Auth-Token': 'the-token-of-alice' }
const SIGNER = makeCertificate()
/** Several chunks, one of which has no content. */
const DATA = new Uint8Array((4 << 20) + 5).fill(1, 0, 99).fill(2, 3 << 20)

let barbican: TestBarbican
let files: FileServer
let site: TestSite

before(async () => {
  barbican = await startBarbican()
  barbican.token = 'the-token-of-alice'
  files = await startFileServer()
  site = await createTestSite({
    ...TRUSTED,
    barbican: { barbican_endpoint: barbican.url },
    import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(files.url).port },
    heliostat: { chunk_size: '1MB' },
  })
})

afterEach(() => {
  barbican.requests.length = 0
})

after(async () => {
  await site.close()
  await files.close()
  await barbican.close()
})

function signed(bytes: Uint8Array = DATA): Record<string, string> {
  const id = crypto.randomUUID()
  barbican.secrets.set(id, { payload: SIGNER.pem })
  return {
    img_signature: signatureOf(SIGNER.keys, bytes),
    img_signature_hash_method: 'SHA-256',
    img_signature_key_type: 'ECC_SECP384R1',
    img_signature_certificate_uuid: id,
  }
}

async function staged(attributes: object, bytes: BodyInit = DATA): Promise<string> {
  const { id } = await createImage(site, { ...BARE_RAW, ...attributes }, ALICE)
  assert.equal((await stageData(site, id, bytes, ALICE)).status, 204)
  return id
}

async function importBy(method: object, id: string) {
  assert.equal((await importImage(site, id, { method }, ALICE)).status, 202)
  const { status, message } = await endedTask(site, id, ALICE)
  return { task: status, message, image: (await showImage(site, id, ALICE)).status }
}

const importStaged = (id: string) => importBy({ name: 'glance-direct' }, id)

const refused = (id: string, why: string) => ({
  task: 'failure',
  message: `Signature verification failed for image ${id}: ${why}`,
  image: 'queued',
})

describe('import of staged data that are signed', () => {
  it('makes the image active, with the token of who imports', async () => {
    const id = await staged(signed())
    assert.deepEqual(barbican.requests, [])
    assert.deepEqual(await importStaged(id), { task: 'success', message: '', image: 'active' })
    assert.equal(barbican.requests.length, 2)
    const copy = await downloadData(site, id, ALICE)
    assert.deepEqual(new Uint8Array(await copy.arrayBuffer()), DATA)
  })

  it('makes an empty image active', async () => {
    const id = await staged(signed(new Uint8Array()), new Uint8Array())
    assert.deepEqual(await importStaged(id), { task: 'success', message: '', image: 'active' })
  })

  it('fails when others were signed, and leaves nothing', async () => {
    const before = await storedChunks(site)
    const properties = signed(bytesOf('others'))
    const id = await staged(properties)
    const certificate = properties['img_signature_certificate_uuid']
    assert.deepEqual(
      await importStaged(id),
      refused(
        id,
        `img_signature is no signature of these bytes by the key of certificate ${certificate}`,
      ),
    )
    await site.services.sweeper.sweep(0)
    assert.deepEqual(await storedChunks(site), before)
  })

  it('fails when they were signed after they had come', async () => {
    const id = await staged({})
    const operations = Object.entries(signed(bytesOf('others'))).map(([name, value]) => ({
      op: 'add',
      path: `/${name}`,
      value,
    }))
    assert.equal((await patchImage(site, id, operations, ALICE)).status, 200)
    const { task, image } = await importStaged(id)
    assert.deepEqual({ task, image }, { task: 'failure', image: 'queued' })
  })

  it('fails when there is no such certificate', async () => {
    const unknown = crypto.randomUUID()
    const id = await staged({ ...signed(), img_signature_certificate_uuid: unknown })
    assert.deepEqual(
      await importStaged(id),
      refused(id, `Certificate not found with ID: ${unknown}`),
    )
  })
})

describe('import by web-download of what is signed', () => {
  async function download(properties: Record<string, string>) {
    const { id } = await createImage(site, { ...BARE_RAW, ...properties }, ALICE)
    const uri = files.put(Buffer.from(DATA))
    return { id, found: await importBy({ name: 'web-download', uri }, id) }
  }

  it('makes the image active', async () => {
    const { found } = await download(signed())
    assert.deepEqual(found, { task: 'success', message: '', image: 'active' })
  })

  it('fails when others were signed', async () => {
    const properties = signed(bytesOf('others'))
    const { id, found } = await download(properties)
    const certificate = properties['img_signature_certificate_uuid']
    assert.deepEqual(
      found,
      refused(
        id,
        `img_signature is no signature of these bytes by the key of certificate ${certificate}`,
      ),
    )
  })
})
