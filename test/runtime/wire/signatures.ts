import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestBarbican } from '../../support/barbican.ts'
import { BARE_RAW } from '../../support/images.ts'
import { keysOfEachKind, makeCertificate, signatureOf } from '../../support/signing.ts'
import type { Wire } from './client.ts'

/** What every runtime has to verify; the rest it may refuse by name. */
const EVERYWHERE = ['RSA-PSS', 'ECC_SECP384R1']
const HASHES = ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512']

const DATA = Buffer.from('hello wire')

type Secrets = TestBarbican['secrets']

export function describeSignatures(
  { create, upload, show }: Wire,
  store: (...secret: Parameters<Secrets['set']>) => void,
): void {
  const keys = keysOfEachKind()

  /** The answer to other bytes than those that were signed, or to those, and what becomes of the image. */
  async function outcome(kind: string, hash: string, data: string) {
    const signer = keys[kind]
    assert.ok(signer)
    const certificate = crypto.randomUUID()
    store(certificate, { payload: makeCertificate({ keys: signer }).pem })
    const { id } = await create({
      ...BARE_RAW,
      img_signature: signatureOf(signer, DATA, { hash }),
      img_signature_hash_method: hash,
      img_signature_key_type: kind,
      img_signature_certificate_uuid: certificate,
    })
    const response = await upload(id, data)
    const text = await response.text()
    const { status } = await show(id)
    return { status: response.status, image: status, text }
  }

  describe('a signature', () => {
    it('is verified, or its kind is refused by name (204, 501)', async () => {
      for (const kind of Object.keys(keys)) {
        for (const hash of HASHES) {
          const { status, image, text } = await outcome(kind, hash, 'hello wire')
          if (status === 501 && !EVERYWHERE.includes(kind)) {
            assert.match(text, /This server cannot verify by keys of the kind that certificate/)
            assert.equal(image, 'queued')
          } else {
            assert.deepEqual({ status, image, text }, { status: 204, image: 'active', text: '' })
          }
        }
      }
    })

    it('of other bytes is refused (400)', async () => {
      for (const kind of EVERYWHERE) {
        const { status, image, text } = await outcome(kind, 'SHA-512', 'hello wirf')
        assert.match(text, /img_signature is no signature of these bytes/)
        assert.deepEqual({ status, image }, { status: 400, image: 'queued' })
      }
    })
  })
}
