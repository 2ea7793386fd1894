/** Images with the four img_signature… properties: what of them becomes active. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  downloadData,
  errorMessage,
  showImage,
  storedChunks,
  UNKNOWN_ID,
  uploadData,
} from '../support/images.ts'
import {
  type Keys,
  keysOfEachKind,
  type Made,
  makeCertificate,
  signatureOf,
} from '../support/signing.ts'
import { createTestSite, temporaryFolder, type TestSite } from '../support/site.ts'

const DATA = bytesOf('the bytes that were signed')
const OTHERS = bytesOf('the bytes that were sent..')
const KEYS = keysOfEachKind()
const ROOT = makeCertificate({ name: 'root', authority: true })
const HASHES = ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let site: TestSite
/** The ids of certificates in the folder, by the names of their keys. */
const certificates: Record<string, string> = {}

before(async () => {
  folder = await temporaryFolder()
  for (const [kind, keys] of Object.entries(KEYS)) {
    certificates[kind] = await addCertificate(makeCertificate({ keys }))
  }
  site = await openSite()
})

after(async () => {
  await site.close()
  await folder.remove()
})

function openSite(options: Record<string, string> = {}): Promise<TestSite> {
  return createTestSite({
    heliostat: { signature_certificates: folder.path, chunk_size: '1MB', ...options },
  })
}

async function addCertificate({ pem }: Pick<Made, 'pem'>, ending = 'pem'): Promise<string> {
  const id = crypto.randomUUID()
  await writeFile(join(folder.path, `${id}.${ending}`), pem)
  return id
}

function keysOf(kind: string): Keys {
  const keys = KEYS[kind]
  assert.ok(keys)
  return keys
}

/** The properties of an image whose bytes are signed. */
function signed(kind = 'ECC_SECP384R1', bytes: Uint8Array = DATA, hash = 'SHA-256') {
  return {
    ...BARE_RAW,
    img_signature: signatureOf(keysOf(kind), bytes, { hash }),
    img_signature_hash_method: hash,
    img_signature_key_type: kind,
    img_signature_certificate_uuid: certificates[kind] ?? '',
  }
}

/** The status of an upload, or the message of one that is refused, in which nothing is left behind. */
async function outcome(attributes: object, bytes = DATA, at = site): Promise<number | string> {
  const { id } = await createImage(at, { ...attributes })
  const chunks = await storedChunks(at)
  const response = await uploadData(at, id, bytes)
  if (response.status === 204) return 204
  const { status, size, checksum, os_hash_value } = await showImage(at, id)
  assert.deepEqual(
    { status, size, checksum, os_hash_value },
    { status: 'queued', size: null, checksum: null, os_hash_value: null },
  )
  assert.deepEqual(await storedChunks(at), chunks)
  const message = (await errorMessage(response)).replaceAll(id, 'IMAGE')
  return `${response.status} ${message}`
}

const failed = (why: string) => `400 Signature verification failed for image IMAGE: ${why}`

describe('an image with a signature of its bytes', () => {
  it('becomes active, whatever the key and the digest (204)', async () => {
    const refused: string[] = []
    for (const kind of Object.keys(KEYS)) {
      for (const hash of HASHES) {
        const found = await outcome(signed(kind, DATA, hash))
        if (found !== 204) refused.push(`${kind} ${hash}: ${found}`)
      }
    }
    assert.deepEqual(refused, [])
  })

  it('becomes active when it has several chunks, also without content (204)', async () => {
    const bytes = new Uint8Array(5 * 1024 * 1024 + 7)
    bytes.fill(1, 0, 100).fill(2, 3 * 1024 * 1024)
    const { id } = await createImage(site, signed('RSA-PSS', bytes))
    assert.equal((await uploadData(site, id, bytes)).status, 204)
    const copy = await downloadData(site, id)
    assert.deepEqual(new Uint8Array(await copy.arrayBuffer()), bytes)
  })

  it('becomes active when it is empty (204)', async () => {
    assert.equal(await outcome(signed('DSA', new Uint8Array()), new Uint8Array()), 204)
  })

  it('may have its signature in lines (204)', async () => {
    const { img_signature, ...rest } = signed('RSA-PSS')
    const lines = img_signature.replace(/.{60}/g, '$&\n')
    assert.equal(await outcome({ ...rest, img_signature: `${lines}\n` }), 204)
  })

  it('may name its certificate in capitals, and it may be a .crt (204)', async () => {
    const id = await addCertificate(makeCertificate({ keys: keysOf('DSA') }), 'crt')
    const attributes = { ...signed('DSA'), img_signature_certificate_uuid: id.toUpperCase() }
    assert.equal(await outcome(attributes), 204)
  })
})

describe('an image with a wrong signature', () => {
  it('is queued again, with nothing left, whatever the key (400)', async () => {
    for (const kind of Object.keys(KEYS)) {
      assert.equal(
        await outcome(signed(kind), OTHERS),
        failed(
          `img_signature is no signature of these bytes by the key of certificate ${certificates[kind]}`,
        ),
      )
    }
  })

  it('takes the right bytes afterwards (204)', async () => {
    const { id } = await createImage(site, signed())
    assert.equal((await uploadData(site, id, OTHERS)).status, 400)
    assert.equal((await uploadData(site, id, DATA)).status, 204)
    assert.equal(await (await downloadData(site, id)).text(), new TextDecoder().decode(DATA))
  })

  it('is refused when only its last byte is another one (400)', async () => {
    const bytes = new Uint8Array(3 * 1024 * 1024).fill(7)
    const attributes = signed('RSA-PSS', bytes)
    bytes[bytes.length - 1] = 8
    assert.match(String(await outcome(attributes, bytes)), /^400 /)
  })

  it('is refused when the key of another certificate has signed (400)', async () => {
    const other = await addCertificate(makeCertificate())
    const attributes = { ...signed(), img_signature_certificate_uuid: other }
    assert.match(String(await outcome(attributes)), /^400 .* is no signature of these bytes/)
  })

  it('is refused when the salt is not the longest (400)', async () => {
    for (const salt of [0, 32]) {
      const img_signature = signatureOf(keysOf('RSA-PSS'), DATA, { salt })
      const found = String(await outcome({ ...signed('RSA-PSS'), img_signature }))
      assert.match(found, /^400 .* is no signature of these bytes/)
    }
  })

  it('is refused when the signature is far too long for the key (400)', async () => {
    for (const kind of Object.keys(KEYS)) {
      const attributes = { ...signed(kind), img_signature: 'AAAA'.repeat(1000) }
      assert.match(String(await outcome(attributes)), /^400 .* is no signature of these bytes/)
    }
  })
})

describe('an image that lacks one of the four properties', () => {
  it('is not verified (204)', async () => {
    const names = Object.keys(signed()).filter((name) => name.startsWith('img_'))
    assert.equal(names.length, 4)
    for (const name of names) {
      const left = Object.fromEntries(Object.entries(signed()).filter(([key]) => key !== name))
      assert.equal(await outcome(left, OTHERS), 204)
    }
  })
})

describe('an image with a signature that cannot be meant', () => {
  it('is refused for what is no base64 (400)', async () => {
    for (const img_signature of ['{}', 'AAA', 'A===', 'AA=A', 'AAAA====', ' ']) {
      assert.equal(
        await outcome({ ...signed(), img_signature }),
        failed(`img_signature is "${img_signature}", wanted base64 of at most 4096 characters`),
      )
    }
    const long = await outcome({ ...signed(), img_signature: 'A'.repeat(10_000) })
    assert.match(String(long), /^400 .*img_signature is "A{40}…", wanted base64/)
  })

  it('is refused for digests and keys that are not known (400)', async () => {
    assert.equal(
      await outcome({ ...signed(), img_signature_hash_method: 'SHA-1' }),
      failed(
        'img_signature_hash_method is "SHA-1", wanted one of: SHA-224, SHA-256, SHA-384, SHA-512',
      ),
    )
    for (const img_signature_key_type of ['ECC_SECP256R1', 'constructor', 'rsa-pss']) {
      assert.match(
        String(await outcome({ ...signed(), img_signature_key_type })),
        /^400 .*img_signature_key_type is "[\w-]+", wanted one of: DSA, RSA-PSS, ECC_SECP384R1, /,
      )
    }
  })

  it('is refused when the key is of another kind than it says (400)', async () => {
    const id = certificates['ECC_SECP384R1'] ?? ''
    for (const img_signature_key_type of ['DSA', 'RSA-PSS', 'ECC_SECP521R1']) {
      assert.equal(
        await outcome({ ...signed(), img_signature_key_type }),
        failed(
          `Certificate ${id} has a key of the kind "ec secp384r1", wanted ${img_signature_key_type} as ` +
            'img_signature_key_type says',
        ),
      )
    }
  })
})

describe('a certificate', () => {
  const namedBy = (id: string) => outcome({ ...signed(), img_signature_certificate_uuid: id })

  it('is named by a UUID and by nothing else (400)', async () => {
    for (const id of ['../../etc/passwd', `${certificates['DSA']}/..`, 'x', '%2e%2e', '.']) {
      assert.equal(
        await namedBy(id),
        failed(`img_signature_certificate_uuid is "${id.slice(0, 40)}", wanted a UUID`),
      )
    }
  })

  it('has to be there (400)', async () => {
    assert.equal(await namedBy(UNKNOWN_ID), failed(`Certificate not found with ID: ${UNKNOWN_ID}`))
  })

  it('has to be one (400)', async () => {
    const nothing = await addCertificate({ pem: 'nothing' })
    assert.equal(
      await namedBy(nothing),
      failed(`Certificate ${nothing} is none, wanted the PEM of one`),
    )
    const broken = await addCertificate({ pem: ROOT.pem.replace(/\n\w{20}/, '\n') })
    assert.equal(await namedBy(broken), failed(`Certificate ${broken} cannot be read`))
  })

  it('may have no hundred others behind it (400)', async () => {
    const id = await addCertificate({ pem: ROOT.pem.repeat(50) })
    assert.match(String(await namedBy(id)), /comes with 49 others, wanted fewer than 10$/)
  })

  it('is no longer than 64 KiB (503)', async () => {
    const id = await addCertificate({ pem: ROOT.pem.repeat(200) })
    assert.match(String(await namedBy(id)), /^503 .*is no file of at most 65536 bytes here$/)
  })

  it('has to be within its dates (400)', async () => {
    const keys = keysOf('ECC_SECP384R1')
    const expired = await addCertificate(makeCertificate({ keys, from: -9, to: -1 }))
    assert.match(String(await namedBy(expired)), /^400 .*Certificate [\w-]+ has expired at /)
    const early = await addCertificate(makeCertificate({ keys, from: 1, to: 9 }))
    assert.match(String(await namedBy(early)), /^400 .*Certificate [\w-]+ is valid from .* on$/)
  })

  it('is asked for again with each upload (204)', async () => {
    const id = crypto.randomUUID()
    assert.match(String(await namedBy(id)), /^400 .*not found/)
    const { pem } = makeCertificate({ keys: keysOf('ECC_SECP384R1') })
    await writeFile(join(folder.path, `${id}.pem`), pem)
    assert.equal(await namedBy(id), 204)
  })
})

describe('a certificate where authorities are configured', () => {
  const keys = keysOf('ECC_SECP384R1')
  let strict: TestSite

  before(async () => {
    const file = join(folder.path, 'authorities')
    await writeFile(file, ROOT.pem)
    strict = await openSite({ signature_ca_file: file })
  })

  after(() => strict.close())

  async function upload(pem: string): Promise<number | string> {
    const id = await addCertificate({ pem })
    return outcome({ ...signed(), img_signature_certificate_uuid: id }, DATA, strict)
  }

  it('may be of one of them (204)', async () => {
    assert.equal(await upload(makeCertificate({ keys, issuer: ROOT }).pem), 204)
  })

  it('may lead to one of them through another that stands behind it (204)', async () => {
    const between = makeCertificate({ name: 'between', authority: true, issuer: ROOT })
    const { pem } = makeCertificate({ keys, issuer: between })
    assert.equal(await upload(pem + between.pem), 204)
    assert.match(String(await upload(pem)), /^400 .* leads to no authority that is trusted here$/)
  })

  it('may not be self-made (400)', async () => {
    const found = String(await upload(makeCertificate({ keys }).pem))
    assert.match(found, /^400 .*Certificate [\w-]+ leads to no authority that is trusted here$/)
  })

  it('may not have expired either (400)', async () => {
    const { pem } = makeCertificate({ keys, issuer: ROOT, from: -9, to: -1 })
    assert.match(String(await upload(pem)), /^400 .* has expired at /)
  })
})
