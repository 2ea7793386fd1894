import {
  constants,
  createSign,
  createVerify,
  generateKeyPairSync,
  type KeyObject,
  type Verify,
  type VerifyPublicKeyInput,
} from 'node:crypto'
import { HeliostatError } from '../../errors.ts'
import type { Image } from '../image.ts'
import { type Certificate, type CertificateSource, readChain } from './certificates.ts'
import { type HashMethod, type KeyType, type Signature, signatureOf } from './properties.ts'
import { whyNotTrusted } from './trust.ts'

/** Bytes that are hashed before others get their turn on the event loop. */
const PIECE = 1024 * 1024

/** Looks whether the bytes of an image are those that were signed. */
export interface SignatureVerifier {
  /** In the order of the calls. Must be awaited before the bytes may be overwritten. */
  update(bytes: Uint8Array): Promise<void>
  /** Once all is awaited. Throws `invalid` unless the signature is one of these bytes [400]. */
  verify(): void
}

/** Looks after the signatures of images. */
export interface SignatureVerifiers {
  /**
   * Null for an image that has no signature. `token` is the caller's, by which his certificates are asked for. Throws
   * what makes a signature worthless whatever the bytes are: `invalid` [400], `not-implemented` for a kind of key that
   * this runtime does not know [501], `unavailable` while the certificate cannot be had [503].
   */
  open(
    image: Pick<Image, 'id' | 'properties'>,
    token: string | null,
  ): Promise<SignatureVerifier | null>
}

interface VerifierParts {
  /** In the order in which they are asked. */
  sources: readonly CertificateSource[]
  /** To whom chains must lead; null where they are not looked at. */
  authorities: readonly Certificate[] | null
}

export function createSignatureVerifiers(parts: VerifierParts): SignatureVerifiers {
  return {
    async open(image, token) {
      try {
        const signature = signatureOf(image)
        if (signature === null) return null
        const key = await keyFor(parts, signature, token)
        return startVerifying({ imageId: image.id, signature, key })
      } catch (error) {
        throw error instanceof HeliostatError ? failureOf(image.id, error) : error
      }
    },
  }
}

/** The beginning is Glance's. */
function failureOf(imageId: string, error: HeliostatError): HeliostatError {
  const { code, message, cause, headers } = error
  const sentence = `Signature verification failed for image ${imageId}: ${message}`
  return new HeliostatError(code, sentence, { cause, headers })
}

async function keyFor(
  { sources, authorities }: VerifierParts,
  { certificateId: id, key, keyName, hash }: Signature,
  token: string | null,
): Promise<KeyObject> {
  const [certificate, ...issuers] = readChain(id, await find(sources, id, token))
  const why = whyNotTrusted({ certificate, issuers, authorities })
  if (why !== null) throw new HeliostatError('invalid', `Certificate ${id} ${why}`)
  const publicKey = publicKeyOf(id, certificate)
  requireKind(publicKey, { id, key, keyName })
  if (key.kind === 'ec' && !knowsCurve(key.curve, hash)) throw unknownKey(id)
  return publicKey
}

async function find(
  sources: readonly CertificateSource[],
  id: string,
  token: string | null,
): Promise<string> {
  for (const source of sources) {
    const pem = await source.find(id, token)
    if (pem !== null) return pem
  }
  throw new HeliostatError('invalid', `Certificate not found with ID: ${id}`)
}

function publicKeyOf(id: string, { x509 }: Certificate): KeyObject {
  try {
    return x509.publicKey
  } catch (cause) {
    throw unknownKey(id, cause)
  }
}

function unknownKey(id: string, cause?: unknown): HeliostatError {
  return new HeliostatError(
    'not-implemented',
    `This server cannot verify by keys of the kind that certificate ${id} has`,
    { cause },
  )
}

interface Wanted {
  id: string
  key: KeyType
  keyName: string
}

function requireKind(publicKey: KeyObject, { id, key, keyName }: Wanted): void {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = publicKey
  const found = kind === 'rsa-pss' ? 'rsa' : kind
  if (found === key.kind && (key.kind !== 'ec' || details?.namedCurve === key.curve)) return
  const shown = [kind, details?.namedCurve].filter((word) => word !== undefined).join(' ')
  throw new HeliostatError(
    'invalid',
    `Certificate ${id} has a key of the kind "${shown}", wanted ${keyName} as img_signature_key_type says`,
  )
}

const knownCurves = new Map<string, boolean>()

/**
 * Whether the runtime verifies by keys of a curve: Deno does not with a digest that is short for the curve, and then
 * calls every signature wrong. What it signs itself it has to know.
 */
function knowsCurve(curve: string, { name }: HashMethod): boolean {
  const known = knownCurves.get(`${curve} ${name}`)
  if (known !== undefined) return known
  const knows = tryCurve(curve, name)
  knownCurves.set(`${curve} ${name}`, knows)
  return knows
}

function tryCurve(curve: string, hash: string): boolean {
  try {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: curve,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    const signature = createSign(hash).update('').sign(privateKey)
    return createVerify(hash).update('').verify(publicKey, signature)
  } catch {
    return false
  }
}

interface Verification {
  imageId: string
  signature: Signature
  key: KeyObject
}

function startVerifying({ imageId, signature, key }: Verification): SignatureVerifier {
  const { bytes, hash, certificateId } = signature
  const verify = createVerify(hash.name)
  let before: Promise<void> = Promise.resolve()
  return {
    update(piece) {
      before = before.then(() => updateInTurns(verify, piece))
      return before
    },
    verify() {
      if (isSignature(verify, { key: withPadding(key, hash), bytes })) return
      throw failureOf(
        imageId,
        new HeliostatError(
          'invalid',
          `img_signature is no signature of these bytes by the key of certificate ${certificateId}`,
        ),
      )
    },
  }
}

async function updateInTurns(verify: Verify, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    verify.update(bytes.subarray(at, at + PIECE))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function isSignature(
  verify: Verify,
  { key, bytes }: { key: VerifyPublicKeyInput; bytes: Uint8Array },
): boolean {
  try {
    return verify.verify(key, bytes)
  } catch {
    // Such as one that is longer than the key, on some runtimes.
    return false
  }
}

/** The key as workerd takes it too. */
function withPadding(key: KeyObject, { bytes }: HashMethod): VerifyPublicKeyInput {
  const pem = key.export({ type: 'spki', format: 'pem' })
  if (!key.asymmetricKeyType?.startsWith('rsa')) return { key: pem, dsaEncoding: 'der' }
  // The longest salt that there is room for, as those who sign for Glance and Nova use it, and no other.
  const modulus = key.asymmetricKeyDetails?.modulusLength ?? 0
  return {
    key: pem,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: Math.ceil((modulus - 1) / 8) - bytes - 2,
  }
}
