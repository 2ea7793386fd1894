/** Keys, certificates and signatures of images, as somebody who signs images has them. */
import { constants, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export interface Keys {
  privateKey: KeyObject
  publicKey: KeyObject
}

export const ecKeys = (namedCurve = 'P-256'): Keys => generateKeyPairSync('ec', { namedCurve })
export const rsaKeys = (modulusLength = 2048): Keys => generateKeyPairSync('rsa', { modulusLength })
export const dsaKeys = (): Keys =>
  generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })

/** A key of each kind, by what images call it. */
export function keysOfEachKind(): Record<string, Keys> {
  return {
    DSA: dsaKeys(),
    'RSA-PSS': rsaKeys(),
    ECC_SECP384R1: ecKeys('secp384r1'),
    ECC_SECP521R1: ecKeys('secp521r1'),
    ECC_SECT409K1: ecKeys('sect409k1'),
    ECC_SECT409R1: ecKeys('sect409r1'),
    ECC_SECT571K1: ecKeys('sect571k1'),
    ECC_SECT571R1: ecKeys('sect571r1'),
  }
}

/** A signature in base64; `salt` is the longest unless it is given. */
export function signatureOf(
  { privateKey }: Keys,
  bytes: Uint8Array,
  { hash = 'SHA-256', salt = constants.RSA_PSS_SALTLEN_MAX_SIGN } = {},
): string {
  const isRsa = privateKey.asymmetricKeyType === 'rsa'
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt }
  const key = { key: privateKey, ...(isRsa && padding) }
  return sign(hash.replace('-', ''), bytes, key).toString('base64')
}

const DAY = 86_400_000
const ECDSA = { sha256: '2a8648ce3d040302', sha1: '2a8648ce3d0401' }

interface Wishes {
  name?: string
  keys?: Keys
  issuer?: Made
  /** Days from now. */
  from?: number
  to?: number
  /** Whether it is an authority, and how many may be between it and the last certificate. */
  authority?: boolean
  between?: number
  /** The bits of a key usage: 0x80 digitalSignature, 0x04 keyCertSign; none unless given. */
  usage?: number
  /** A critical extension that constrains names. */
  constrained?: boolean
  digest?: keyof typeof ECDSA
}

/** A certificate with its key. */
export interface Made {
  name: string
  keys: Keys
  pem: string
}

/** A certificate by the wishes; without an issuer it is self-made. Issuers have keys of curves. */
export function makeCertificate(wishes: Wishes = {}): Made {
  const { name = 'signer', keys = ecKeys('secp384r1'), digest = 'sha256' } = wishes
  const issuer = wishes.issuer ?? { name, keys }
  const algorithm = der(0x30, oid(ECDSA[digest]))
  const tbs = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1), randomBytes(8)),
    algorithm,
    nameOf(issuer.name),
    der(0x30, time(wishes.from ?? -1), time(wishes.to ?? 1)),
    nameOf(name),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions(wishes))),
  )
  const signature = sign(digest, tbs, issuer.keys.privateKey)
  const whole = der(0x30, tbs, algorithm, der(0x03, Buffer.of(0), signature))
  const lines = whole
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')
  return { name, keys, pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` }
}

function extensions({ authority, between, usage, constrained }: Wishes): Buffer[] {
  const ca = authority ? [der(0x01, Buffer.of(0xff))] : []
  const length = between === undefined ? [] : [der(0x02, Buffer.of(between))]
  return [
    extension('551d13', der(0x30, ...ca, ...length)),
    ...(usage === undefined ? [] : [extension('551d0f', der(0x03, Buffer.of(0, usage)))]),
    ...(constrained ? [extension('551d1e', der(0x30))] : []),
  ]
}

function extension(id: string, value: Buffer): Buffer {
  return der(0x30, oid(id), der(0x01, Buffer.of(0xff)), der(0x04, value))
}

function nameOf(commonName: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(commonName)))))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * DAY).toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(0x18, Buffer.from(text))
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const size =
    length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff)
  return Buffer.concat([Buffer.of(tag), size, content])
}
