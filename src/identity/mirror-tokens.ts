import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether an Authorization header carries one of the tokens. Each is compared, in constant time. */
export function hasBearerToken(authorization: string | null, tokens: string[]): boolean {
  const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  if (given === undefined) return false
  const hash = sha256(given)
  return tokens.filter((token) => timingSafeEqual(sha256(token), hash)).length > 0
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
