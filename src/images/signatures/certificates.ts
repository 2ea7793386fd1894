import { X509Certificate } from 'node:crypto'
import { HeliostatError } from '../../errors.ts'
import { type Usage, usageOf } from './extensions.ts'

/** Bytes that a certificate and its issuers may have together. */
export const MAX_PEM = 64 * 1024
/** A certificate and its issuers: each may have to be tried as the issuer of each. */
const MAX_CHAIN = 10

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z\d+/=\s]+-----END CERTIFICATE-----/g

/** Where certificates are kept by which images are signed. */
export interface CertificateSource {
  /**
   * PEM: the certificate, and behind it maybe those of its issuers; null for one that is not there. `token` is the
   * caller's. Throws `invalid` when he may not have it, and `unavailable` when that cannot be told.
   */
  find(id: string, token: string | null): Promise<string | null>
}

export interface Certificate {
  x509: X509Certificate
  usage: Usage
}

/** The certificate, and those behind it. Throws `invalid` for what is none. */
export function readChain(id: string, pem: string): [Certificate, ...Certificate[]] {
  const [certificate, ...issuers] = parse(id, pem)
  if (certificate && issuers.length < MAX_CHAIN) return [certificate, ...issuers]
  throw new HeliostatError(
    'invalid',
    certificate
      ? `Certificate ${id} comes with ${issuers.length} others, wanted fewer than ${MAX_CHAIN}`
      : `Certificate ${id} is none, wanted the PEM of one`,
  )
}

function parse(id: string, pem: string): Certificate[] {
  try {
    return readCertificates(pem)
  } catch (cause) {
    throw new HeliostatError('invalid', `Certificate ${id} cannot be read`, { cause })
  }
}

/** All certificates of a text. Throws for one that is broken. */
export function readCertificates(pem: string): Certificate[] {
  return (pem.match(PEM) ?? []).map((block) => {
    const x509 = new X509Certificate(block)
    return { x509, usage: usageOf(x509.raw) }
  })
}
