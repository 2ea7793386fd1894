import type { Certificate } from './certificates.ts'

interface Question {
  certificate: Certificate
  /** What came along with it. Nothing of it is believed. */
  issuers: readonly Certificate[]
  /** Who is believed: a chain may end at any of them. Null where chains are not looked at. */
  authorities: readonly Certificate[] | null
}

/**
 * Why nothing may be believed of a certificate, as the end of a sentence that begins with its name; null if it may.
 * https://www.rfc-editor.org/rfc/rfc5280#section-6 without policies, constraints of names, and revocation.
 */
export function whyNotTrusted({ certificate, issuers, authorities }: Question): string | null {
  const now = Date.now()
  const untimely = whyUntimely(certificate, now)
  if (untimely !== null || authorities === null) return untimely
  const { usage } = certificate
  if (usage.hasUnknown) return 'has a critical extension that is not known here'
  if (!usage.maySign) return 'is not for signatures: its key usage lacks digitalSignature'
  if (authorities.some((authority) => isSame(authority, certificate))) return null
  return searchChain({ certificate, issuers, authorities }, now)
}

/**
 * Issuers of issuers, the nearest first, so that each is looked at once, and with the fewest authorities between it and
 * the certificate.
 */
function searchChain(
  {
    certificate,
    issuers,
    authorities,
  }: Question & { authorities: NonNullable<Question['authorities']> },
  now: number,
): string | null {
  const left = new Set([...authorities, ...issuers])
  let tips = [certificate]
  let obstacle: string | null = null
  for (let between = 0; tips.length > 0; between++) {
    const further: Certificate[] = []
    for (const tip of tips) {
      for (const candidate of left) {
        if (!isIssuedBy(tip, candidate)) continue
        left.delete(candidate)
        const why = tip.usage.isForgeable ? FORGEABLE : whyNoIssuer(candidate, { between, now })
        if (why === null && authorities.includes(candidate)) return null
        if (why === null) further.push(candidate)
        else obstacle ??= `has an issuer, ${nameOf(candidate)}, which ${why}`
      }
    }
    tips = further
  }
  return obstacle ?? 'leads to no authority that is trusted here'
}

const FORGEABLE = 'has signed by MD5 or SHA-1'

function whyNoIssuer(
  issuer: Certificate,
  { between, now }: { between: number; now: number },
): string | null {
  const { usage } = issuer
  if (!usage.isAuthority) return 'is no authority'
  if (usage.hasUnknown) return 'has a critical extension that is not known here'
  if (between > usage.maxBetween) return `may have ${usage.maxBetween} authorities below it`
  return whyUntimely(issuer, now)
}

function whyUntimely({ x509 }: Certificate, now: number): string | null {
  const { validFrom, validTo } = x509
  if (now < Date.parse(validFrom)) return `is valid from ${validFrom} on`
  // What is no date is later than nothing.
  return now <= Date.parse(validTo) ? null : `has expired at ${validTo}`
}

function isIssuedBy({ x509 }: Certificate, { x509: issuer }: Certificate): boolean {
  try {
    return x509.checkIssued(issuer) && x509.verify(issuer.publicKey)
  } catch {
    // Of a kind that the runtime does not know.
    return false
  }
}

function isSame({ x509: one }: Certificate, { x509: other }: Certificate): boolean {
  return one.raw.equals(other.raw)
}

/** One line, of a bounded length: who makes a certificate chooses its name. */
function nameOf({ x509 }: Certificate): string {
  return `"${x509.subject.replace(/\s+/g, ' ').slice(0, 100)}"`
}
