import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCertificates } from '../../../src/images/signatures/certificates.ts'
import { whyNotTrusted } from '../../../src/images/signatures/trust.ts'
import { ecKeys, type Made, makeCertificate } from '../../support/signing.ts'

const ROOT = makeCertificate({ name: 'root', authority: true, keys: ecKeys() })
const MIDDLE = makeCertificate({ name: 'middle', authority: true, keys: ecKeys(), issuer: ROOT })

function read(...made: Made[]) {
  return readCertificates(made.map(({ pem }) => pem).join('some text between\n'))
}

function why(leaf: Made, issuers: Made[], authorities: Made[] | null): string | null {
  const [certificate] = read(leaf)
  assert.ok(certificate)
  return whyNotTrusted({
    certificate,
    issuers: read(...issuers),
    authorities: authorities && read(...authorities),
  })
}

describe('a certificate where no authorities are configured', () => {
  it('may be self-made', () => {
    assert.equal(why(makeCertificate(), [], null), null)
  })

  it('has to be within its dates', () => {
    assert.match(why(makeCertificate({ from: -2, to: -1 }), [], null) ?? '', /^has expired at /)
    assert.match(why(makeCertificate({ from: 1, to: 2 }), [], null) ?? '', /^is valid from .* on$/)
  })
})

describe('a certificate of a trusted authority', () => {
  it('is trusted', () => {
    assert.equal(why(makeCertificate({ issuer: ROOT }), [], [ROOT]), null)
  })

  it('is trusted through another one that came along', () => {
    const leaf = makeCertificate({ issuer: MIDDLE })
    assert.equal(why(leaf, [MIDDLE], [ROOT]), null)
  })

  it('is trusted through another one that is trusted too', () => {
    const leaf = makeCertificate({ issuer: MIDDLE })
    assert.equal(why(leaf, [], [MIDDLE]), null)
    assert.equal(why(leaf, [], [MIDDLE, ROOT]), null)
  })

  it('may itself be among those that are trusted', () => {
    const leaf = makeCertificate()
    assert.equal(why(leaf, [], [ROOT, leaf]), null)
  })

  it('is found behind others of the same name', () => {
    const namesakes = [1, 2].map(() =>
      makeCertificate({ name: 'middle', authority: true, keys: ecKeys(), issuer: ROOT }),
    )
    const leaf = makeCertificate({ issuer: MIDDLE })
    assert.equal(why(leaf, [...namesakes, MIDDLE], [ROOT]), null)
  })
})

describe('a certificate that leads to no trusted authority', () => {
  const nowhere = 'leads to no authority that is trusted here'

  it('is not trusted when it is self-made', () => {
    assert.equal(why(makeCertificate(), [], [ROOT]), nowhere)
  })

  it('is not trusted when one is missing between', () => {
    assert.equal(why(makeCertificate({ issuer: MIDDLE }), [], [ROOT]), nowhere)
  })

  it('is not trusted by an authority of the same name', () => {
    const impostor = makeCertificate({ name: 'root', authority: true, keys: ecKeys() })
    const leaf = makeCertificate({ issuer: impostor })
    assert.equal(why(leaf, [impostor], [ROOT]), nowhere)
  })

  it('is not trusted when two have issued each other', () => {
    const one = { name: 'one', authority: true, keys: ecKeys() }
    const two = makeCertificate({
      name: 'two',
      authority: true,
      keys: ecKeys(),
      issuer: { ...one, pem: '' },
    })
    const first = makeCertificate({ ...one, issuer: two })
    assert.equal(why(makeCertificate({ issuer: first }), [first, two], [ROOT]), nowhere)
  })
})

describe('an issuer', () => {
  it('has to be an authority', () => {
    const signer = makeCertificate({ name: 'no authority', issuer: ROOT, keys: ecKeys() })
    const leaf = makeCertificate({ issuer: signer })
    assert.equal(
      why(leaf, [signer], [ROOT]),
      'has an issuer, "CN=no authority", which is no authority',
    )
  })

  it('has to be one for certificates', () => {
    const issuer = { authority: true, keys: ecKeys(), issuer: ROOT, name: 'for lists' }
    const signer = makeCertificate({ ...issuer, usage: 0x02 })
    assert.notEqual(why(makeCertificate({ issuer: signer }), [signer], [ROOT]), null)
    const right = makeCertificate({ ...issuer, usage: 0x06 })
    assert.equal(why(makeCertificate({ issuer: right }), [right], [ROOT]), null)
  })

  it('has to be within its dates', () => {
    const root = makeCertificate({ name: 'old', authority: true, keys: ecKeys(), from: -9, to: -2 })
    assert.match(
      why(makeCertificate({ issuer: root }), [], [root]) ?? '',
      /^has an issuer, "CN=old", which has expired at /,
    )
  })

  it('has only as many others below it as it may', () => {
    const root = makeCertificate({ name: 'last', authority: true, between: 0, keys: ecKeys() })
    const below = makeCertificate({ name: 'below', authority: true, keys: ecKeys(), issuer: root })
    assert.equal(why(makeCertificate({ issuer: root }), [], [root]), null)
    assert.equal(
      why(makeCertificate({ issuer: below }), [below], [root]),
      'has an issuer, "CN=last", which may have 0 authorities below it',
    )
  })

  it('has nothing critical in it that is not understood', () => {
    const root = makeCertificate({ name: 'r', authority: true, constrained: true, keys: ecKeys() })
    assert.equal(
      why(makeCertificate({ issuer: root }), [], [root]),
      'has an issuer, "CN=r", which has a critical extension that is not known here',
    )
  })

  it('does not sign by SHA-1', () => {
    const leaf = makeCertificate({ issuer: ROOT, digest: 'sha1' })
    assert.equal(
      why(leaf, [], [ROOT]),
      'has an issuer, "CN=root", which has signed by MD5 or SHA-1',
    )
  })
})

describe('a certificate that is for something else', () => {
  it('is not trusted', () => {
    assert.equal(
      why(makeCertificate({ issuer: ROOT, usage: 0x04 }), [], [ROOT]),
      'is not for signatures: its key usage lacks digitalSignature',
    )
    assert.equal(why(makeCertificate({ issuer: ROOT, usage: 0x80 }), [], [ROOT]), null)
  })
})
