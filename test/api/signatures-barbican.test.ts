/** Images that are signed by certificates which lie in Barbican. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { makeToken } from '../../src/identity/static-tokens.ts'
import { startBarbican, type TestBarbican } from '../support/barbican.ts'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  errorMessage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { freePorts } from '../support/free-ports.ts'
import { startKeystone, type TestKeystone, tokenFor, usingKeystone } from '../support/keystone.ts'
import { collectLogs } from '../support/logs.ts'
import { TRUSTED } from '../support/options.ts'
import { makeCertificate, signatureOf } from '../support/signing.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const TOKEN = 'a-token-that-nobody-else-may-see'
const DATA = bytesOf('the bytes that were signed')
const SIGNER = makeCertificate()
const ALICE = { ...asCaller('alice'), 'X-Auth-Token': TOKEN }

let barbican: TestBarbican
let site: TestSite

before(async () => {
  barbican = await startBarbican()
  site = await createTestSite({ ...TRUSTED, barbican: { barbican_endpoint: barbican.url } })
})

afterEach(() => {
  barbican.requests.length = 0
  barbican.token = null
  barbican.status = null
})

after(async () => {
  await site.close()
  await barbican.close()
})

function storeCertificate(secret = {}): string {
  const id = crypto.randomUUID()
  barbican.secrets.set(id, { payload: SIGNER.pem, ...secret })
  return id
}

/** The status of an upload, with the message where it is refused. */
async function upload(id: string, at = site, headers: Record<string, string> = ALICE) {
  const attributes = {
    ...BARE_RAW,
    img_signature: signatureOf(SIGNER.keys, DATA),
    img_signature_hash_method: 'SHA-256',
    img_signature_key_type: 'ECC_SECP384R1',
    img_signature_certificate_uuid: id,
  }
  const image = await createImage(at, attributes, headers)
  const response = await uploadData(at, image.id, DATA, headers)
  const { status } = await showImage(at, image.id, headers)
  assert.equal(status, response.status === 204 ? 'active' : 'queued')
  if (response.status === 204) return '204'
  return `${response.status} ${(await errorMessage(response)).replaceAll(image.id, 'IMAGE')}`
}

const failed = (why: string) => `Signature verification failed for image IMAGE: ${why}`

describe('a certificate in Barbican', () => {
  it('is asked for with the token of who uploads (204)', async () => {
    const id = storeCertificate()
    barbican.token = TOKEN
    assert.equal(await upload(id), '204')
    assert.deepEqual(barbican.requests, [
      { path: `/v1/secrets/${id}`, token: TOKEN },
      { path: `/v1/secrets/${id}/payload`, token: TOKEN },
    ])
  })

  it('may have been stored as a text (204)', async () => {
    assert.equal(await upload(storeCertificate({ contentType: 'text/plain' })), '204')
  })

  it('has to be there (400)', async () => {
    const id = crypto.randomUUID()
    assert.equal(await upload(id), `400 ${failed(`Certificate not found with ID: ${id}`)}`)
  })

  it('has to be one for this caller (400)', async () => {
    const id = storeCertificate()
    barbican.token = 'another'
    assert.equal(
      await upload(id),
      `400 ${failed(
        `Unable to retrieve certificate with ID: ${id}. Barbican refuses it to this caller with status 401`,
      )}`,
    )
  })

  it('is not had without a token (400)', async () => {
    const id = storeCertificate()
    barbican.token = TOKEN
    const found = await upload(id, site, asCaller('alice'))
    assert.match(found, /^400 .*Barbican refuses it without a token with status 401$/)
    const keystone = { auth_endpoint: 'http://127.0.0.1:1' }
    const blind = await createTestSite({ ...TRUSTED, barbican: keystone })
    const other = await upload(id, blind, asCaller('alice'))
    assert.match(other, /^400 .*There is no token to ask for it with: ask for the import again$/)
    await blind.close()
  })

  it('has to be stored as one (400)', async () => {
    const id = storeCertificate({ type: 'passphrase' })
    assert.equal(
      await upload(id),
      `400 ${failed(`Secret ${id} of Barbican is of the type "passphrase", wanted "certificate"`)}`,
    )
    assert.equal(barbican.requests.length, 1)
  })

  it('is not read when it is too long (400)', async () => {
    const id = storeCertificate({ payload: SIGNER.pem.repeat(500) })
    assert.equal(await upload(id), `400 ${failed(`Certificate ${id} has more than 65536 bytes`)}`)
  })

  it('may be had later when Barbican is ill (503)', async () => {
    const id = storeCertificate()
    const away = `503 ${failed(
      `Unable to retrieve certificate with ID: ${id}, since Barbican does not tell it at present`,
    )}`
    for (const status of [500, 503, 429, 302]) {
      barbican.status = status
      assert.equal(await upload(id), away)
    }
  })

  it('may be had later when Barbican is away (503)', async () => {
    const [port] = await freePorts(1)
    const barbican_endpoint = `http://127.0.0.1:${port}`
    const far = await createTestSite({ ...TRUSTED, barbican: { barbican_endpoint } })
    assert.match(await upload(crypto.randomUUID(), far), /^503 .*Barbican does not tell it/)
    await far.close()
  })
})

describe('the token of who uploads', () => {
  it('is neither logged nor stored', async () => {
    const logs = collectLogs()
    const id = storeCertificate()
    await upload(id)
    for (const status of [500, 403]) {
      barbican.status = status
      await upload(id)
    }
    logs.stop()
    assert.match(logs.lines.join('\n'), /Barbican refuses it/)
    assert.doesNotMatch(logs.lines.join('\n'), new RegExp(TOKEN))
    const stored = await everythingIn(site)
    assert.match(stored, new RegExp(id))
    assert.doesNotMatch(stored, new RegExp(TOKEN))
  })

  it('is not given away when this site alone knows it (400)', async () => {
    const { token, line } = makeToken('ann', 'demo', 'member,reader')
    const own = await createTestSite({
      paste_deploy: { flavor: 'token' },
      heliostat: { tokens: line },
      barbican: { barbican_endpoint: barbican.url },
    })
    const id = storeCertificate()
    const found = await upload(id, own, { 'X-Auth-Token': token })
    assert.equal(found, `400 ${failed(`Certificate not found with ID: ${id}`)}`)
    assert.deepEqual(barbican.requests, [])
    await own.close()
  })
})

/** Every value of every table, as text. */
async function everythingIn({ registry: { $client: client } }: TestSite): Promise<string> {
  const { rows: tables } = await client.execute(
    "SELECT name FROM sqlite_master WHERE type = 'table'",
  )
  const found = await Promise.all(tables.map((row) => client.execute(`SELECT * FROM "${row[0]}"`)))
  return JSON.stringify(found.map(({ rows }) => rows.map((row) => Object.values(row))))
}

describe('Barbican, when only Keystone is configured', () => {
  const catalogOf = (...endpoints: { interface: string; region_id: string; url: string }[]) => ({
    catalog: [
      { type: 'image', endpoints: [{ interface: 'public', region_id: 'one', url: 'http://x' }] },
      { type: 'key-manager', endpoints },
    ],
  })
  let keystone: TestKeystone

  before(async () => {
    keystone = await startKeystone()
    keystone.known.set(TOKEN, tokenFor())
  })

  after(() => keystone.close())

  async function uploadAt(catalog: unknown, options: Record<string, string> = {}) {
    keystone.find = (path) => (path === '/auth/catalog' ? catalog : null)
    const known = await createTestSite({ ...usingKeystone(keystone), barbican: options })
    const found = await upload(storeCertificate(), known, { 'X-Auth-Token': TOKEN })
    await known.close()
    return found
  }

  it('is found in the catalog of the caller (204)', async () => {
    const { url } = barbican
    const other = { interface: 'public', region_id: 'two', url: 'http://127.0.0.1:1' }
    const right = { interface: 'internal', region_id: 'one', url: `${url}/v1/` }
    barbican.token = TOKEN
    const internal = { barbican_endpoint_type: 'internal' }
    assert.equal(await uploadAt(catalogOf(other, right), internal), '204')
    const inOne = { ...right, interface: 'public', url }
    assert.equal(await uploadAt(catalogOf(other, inOne), { barbican_region_name: 'one' }), '204')
  })

  it('need not be there (400)', async () => {
    assert.match(await uploadAt({ catalog: [] }), /^400 .*Certificate not found with ID/)
  })

  it('may be told later (503)', async () => {
    assert.match(await uploadAt(null), /^503 .*Barbican does not tell it at present/)
  })
})
