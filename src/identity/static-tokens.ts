import { randomBytes, timingSafeEqual } from 'node:crypto'
import { ConfigError } from '../errors.ts'
import { shownMistake } from '../masking.ts'
import { createIdentity, type Identify, type Identity, parseRoles, tokenOf } from './caller.ts'
import { hashToken } from './token-hash.ts'

interface TokenEntry {
  hash: Buffer
  identity: Identity
}

const LINE = /^([0-9a-f]{64}):([^:\s]+):([^:\s]*):([^:\s]+)$/

/** Knows callers by the tokens of a list that holds only their SHA-256. */
export function identifyByTokens(tokens: string): Identify {
  const entries = parseTokens(tokens)
  return async ({ headers }) => {
    const token = tokenOf(headers)
    if (!token) return null
    const hash = hashToken(token)
    // Every entry is compared, each in constant time.
    const matches = entries.filter((entry) => timingSafeEqual(entry.hash, hash))
    return matches[0]?.identity ?? null
  }
}

interface NewToken {
  token: string
  /** Makes it known. */
  line: string
}

/** A new token of 256 random bits, and the line that makes it known. Throws a ConfigError for what no line can say. */
export function makeToken(user: string, project: string, roles: string): NewToken {
  if (user === '') throw new ConfigError('--user: got "", wanted the id of a user')
  if (parseRoles(roles).length === 0) throw new ConfigError('--roles: got none, wanted one or more')
  for (const [option, value] of Object.entries({ user, project, roles })) {
    const [unwanted] = /[:\s]/.exec(value) ?? []
    if (unwanted === undefined) continue
    const what = unwanted === ':' ? 'a colon' : 'a blank'
    throw new ConfigError(
      `--${option}: got "${shownMistake(value)}", wanted none with ${what}, ` +
        'since colons part the fields of a token’s line, and blanks the lines',
    )
  }
  // No client takes one that begins with a hyphen for the value of an option.
  const token = randomBytes(32).toString('hex')
  const line = `${hashToken(token).toString('hex')}:${user}:${project}:${roles}`
  parseTokens(line)
  return { token, line }
}

/** Entries stand on lines of their own or apart by blanks; `#` begins a comment line. */
function parseTokens(text: string): TokenEntry[] {
  const entries = text
    .replace(/^\s*#.*$/gm, '')
    .split(/\s+/)
    .filter((entry) => entry !== '')
  return entries.map((entry, index) => {
    const [, hash, user, project, roles] = LINE.exec(entry) ?? []
    if (!hash || !user || !roles) {
      throw new ConfigError(
        `Token ${index + 1} is not of the form "sha256-of-token:user:project:role,role"`,
      )
    }
    const identity = createIdentity({
      userId: user,
      projectId: project || null,
      roles: parseRoles(roles),
    })
    return { hash: Buffer.from(hash, 'hex'), identity }
  })
}
