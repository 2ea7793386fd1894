/** The files that have to do with the signatures of images. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { openSigningFiles } from '../../src/runtime/signing-certificates.ts'
import { createSiteSignatures } from '../../src/runtime/site-signatures.ts'
import { startBarbican } from '../support/barbican.ts'
import { CA, CERTIFICATE, KEY } from '../support/certificates.ts'
import { UNKNOWN_ID } from '../support/images.ts'
import { makeCertificate, signatureOf } from '../support/signing.ts'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

function open(heliostat: Record<string, string>) {
  return openSigningFiles(loadConfig({ heliostat }).config)
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder.path, name)
  await writeFile(path, text)
  return path
}

describe('a file of authorities', () => {
  it('may have several of them, with text between', async () => {
    const path = await file('bundle.pem', `# one\n${CA}\n# another\n${CERTIFICATE}`)
    assert.equal(open({ signature_ca_file: path }).authorities?.length, 2)
  })

  it('keeps the service from starting when it is not there, has none or is broken', async () => {
    const option = '[heliostat] signature_ca_file'
    const missing = join(folder.path, 'missing.pem')
    assert.throws(() => open({ signature_ca_file: missing }), {
      message: `${option}: cannot read "${missing}": it is not there`,
    })
    const none = await file('none.pem', 'nothing')
    assert.throws(() => open({ signature_ca_file: none }), {
      message: `${option}: no certificate is in "${none}", wanted PEM`,
    })
    const broken = await file('broken.pem', CA.replace('MII', 'MIJ'))
    assert.throws(() => open({ signature_ca_file: broken }), {
      name: 'ConfigError',
      message: /signature_ca_file: a certificate in ".*broken\.pem" cannot be read: /,
    })
  })
})

describe('a folder of certificates', () => {
  it('keeps the service from starting when it is none', async () => {
    const option = '[heliostat] signature_certificates'
    const missing = join(folder.path, 'no/where')
    assert.throws(() => open({ signature_certificates: missing }), {
      message: `${option}: cannot use "${missing}": it is not there`,
    })
    const path = await file('file.pem', CA)
    assert.throws(() => open({ signature_certificates: path }), {
      message: `${option}: cannot use "${path}": it is a file, wanted a folder`,
    })
  })

  it('may have folders in it, which are no certificates', async () => {
    await mkdir(join(folder.path, `${UNKNOWN_ID}.pem`))
    const { folder: certificates } = open({ signature_certificates: folder.path })
    await assert.rejects(async () => certificates?.find(UNKNOWN_ID, null), {
      code: 'unavailable',
      message: /is no file of at most 65536 bytes here$/,
    })
  })
})

describe('Barbican behind TLS', () => {
  const signer = makeCertificate()
  const data = Buffer.from('signed')
  const properties = {
    img_signature: signatureOf(signer.keys, data),
    img_signature_hash_method: 'SHA-256',
    img_signature_key_type: 'ECC_SECP384R1',
    img_signature_certificate_uuid: UNKNOWN_ID,
  }

  async function verifyBy(options: Record<string, string>): Promise<void> {
    const barbican = await startBarbican({ key: KEY, cert: CERTIFICATE })
    barbican.secrets.set(UNKNOWN_ID, { payload: signer.pem })
    try {
      const { config } = loadConfig({ barbican: { barbican_endpoint: barbican.url, ...options } })
      const verifiers = createSiteSignatures(config, openSigningFiles(config))
      const verifier = await verifiers.open({ id: 'IMAGE', properties }, null)
      await verifier?.update(data)
      assert.doesNotThrow(() => verifier?.verify())
    } finally {
      await barbican.close()
    }
  }

  it('is believed by its authority, or without any', async () => {
    await verifyBy({ verify_ssl_path: await file('ca.pem', CA) })
    await verifyBy({ verify_ssl: 'false' })
  })

  it('is not believed otherwise (503)', async () => {
    await assert.rejects(verifyBy({}), { code: 'unavailable' })
  })
})
