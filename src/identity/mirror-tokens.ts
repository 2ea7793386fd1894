import { timingSafeEqual } from 'node:crypto'
import { hashToken } from './token-hash.ts'

/** Whether an Authorization header carries one of the tokens. Each is compared, in constant time. */
export function hasBearerToken(authorization: string | null, tokens: string[]): boolean {
  const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  if (given === undefined) return false
  const hash = hashToken(given)
  return tokens.filter((token) => timingSafeEqual(hashToken(token), hash)).length > 0
}
