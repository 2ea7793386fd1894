import { HeliostatError } from '../../errors.ts'
import type { Image, Properties } from '../image.ts'

/** As images name them, and as node:crypto does. */
const HASH_METHODS = {
  'SHA-224': { name: 'sha224', bytes: 28 },
  'SHA-256': { name: 'sha256', bytes: 32 },
  'SHA-384': { name: 'sha384', bytes: 48 },
  'SHA-512': { name: 'sha512', bytes: 64 },
} as const

/** Of curves the name that OpenSSL has for them. */
const KEY_TYPES = {
  DSA: { kind: 'dsa' },
  'RSA-PSS': { kind: 'rsa' },
  ECC_SECP384R1: { kind: 'ec', curve: 'secp384r1' },
  ECC_SECP521R1: { kind: 'ec', curve: 'secp521r1' },
  ECC_SECT409K1: { kind: 'ec', curve: 'sect409k1' },
  ECC_SECT409R1: { kind: 'ec', curve: 'sect409r1' },
  ECC_SECT571K1: { kind: 'ec', curve: 'sect571k1' },
  ECC_SECT571R1: { kind: 'ec', curve: 'sect571r1' },
} as const

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i
const BASE64 = /^(?=.)(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/
/** Of base64: the longest signature is that of an RSA key of 16384 bits. */
const MAX_SIGNATURE = 4096
/** How much of a value is told again. */
const SHOWN = 40

export type HashMethod = (typeof HASH_METHODS)[keyof typeof HASH_METHODS]
export type KeyType = (typeof KEY_TYPES)[keyof typeof KEY_TYPES]

/** What an image says of its signature. */
export interface Signature {
  bytes: Uint8Array
  hash: HashMethod
  key: KeyType
  /** The name of the type of the key, as images have it. */
  keyName: string
  /** A UUID in lower case. */
  certificateId: string
}

/**
 * The signature in the properties of an image. Null unless it has all four of them, as in Glance; throws `invalid` for
 * one that cannot be meant.
 */
export function signatureOf({ properties }: Pick<Image, 'properties'>): Signature | null {
  const given = {
    signature: own(properties, 'img_signature'),
    hash: own(properties, 'img_signature_hash_method'),
    key: own(properties, 'img_signature_key_type'),
    certificate: own(properties, 'img_signature_certificate_uuid'),
  }
  const { signature, hash, key, certificate } = given
  if (signature === null || hash === null || key === null || certificate === null) return null
  return {
    bytes: decoded(signature),
    hash: oneOf('img_signature_hash_method', hash, HASH_METHODS),
    key: oneOf('img_signature_key_type', key, KEY_TYPES),
    keyName: key,
    certificateId: uuid(certificate),
  }
}

function own(properties: Properties, name: string): string | null {
  return (Object.hasOwn(properties, name) && properties[name]) || null
}

/** Base64 may be broken into lines, which is what the tool of that name does. */
function decoded(signature: string): Uint8Array {
  const base64 = signature.replace(/[\r\n\t ]+/g, '')
  if (base64.length <= MAX_SIGNATURE && BASE64.test(base64)) {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  }
  throw refused('img_signature', signature, `base64 of at most ${MAX_SIGNATURE} characters`)
}

function uuid(value: string): string {
  if (UUID.test(value)) return value.toLowerCase()
  throw refused('img_signature_certificate_uuid', value, 'a UUID')
}

function oneOf<T extends object>(property: string, value: string, known: T): T[keyof T] {
  if (Object.hasOwn(known, value)) return known[value as keyof T]
  throw refused(property, value, `one of: ${Object.keys(known).join(', ')}`)
}

function refused(property: string, value: string, wanted: string): HeliostatError {
  const shown = value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value
  return new HeliostatError('invalid', `${property} is "${shown}", wanted ${wanted}`)
}
