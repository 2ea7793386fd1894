import { createHash } from 'node:crypto'

/** SHA-256 of a token: of one length whatever the token's, as a comparison in constant time needs it. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
