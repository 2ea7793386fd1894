const DIGEST_NAMES: Record<string, string> = { sha256: 'sha-256', sha512: 'sha-512' }

/**
 * The header that tells the digest of the whole representation, from its hex; none for SHA-384, which the registry
 * does not have. https://www.rfc-editor.org/rfc/rfc9530#section-3
 */
export function reprDigest(algorithm: string, hex: string): Record<string, string> {
  const name = DIGEST_NAMES[algorithm]
  if (name === undefined) return {}
  const bytes = hex.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? []
  return { 'Repr-Digest': `${name}=:${btoa(String.fromCharCode(...bytes))}:` }
}
