/** A stand-in for Keystone: issues tokens to the service, and vouches for those that a test lets it know. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { RawConfig } from '../../src/config.ts'

export type TestKeystone = Awaited<ReturnType<typeof startKeystone>>

/** What comes instead of the right answer: none (`closed`, `silent`), or another one. */
export type Trouble = 'closed' | 'silent' | { status: number; body?: string; location?: string }

export interface TokenDocument extends Record<string, unknown> {
  expires_at: string
}

const HOUR = 3600
const LONGEST_LINE = 2048

/** What Keystone says of a token, here of user ann in project demo unless the facts differ; for `lifetime` seconds. */
export function tokenFor(facts: Record<string, unknown> = {}, lifetime = HOUR): TokenDocument {
  return {
    expires_at: new Date(Date.now() + lifetime * 1000).toISOString(),
    user: { id: 'ann', name: 'Ann', domain: { id: 'people', name: 'People' } },
    project: { id: 'demo', name: 'Demo', domain: { id: 'work', name: 'Work' } },
    roles: rolesNamed('Member', 'reader'),
    ...facts,
  }
}

export function rolesNamed(...names: string[]) {
  return names.map((name) => ({ id: `id-of-${name}`, name }))
}

/** The configuration of a site that uses it. */
export function usingKeystone({ url }: { url: string }, options = {}): RawConfig {
  const service = { username: 'glance', password: 'pass-word', project_name: 'service' }
  return {
    paste_deploy: { flavor: 'keystone' },
    keystone_authtoken: { auth_url: url, ...service, ...options },
  }
}

export async function startKeystone() {
  const known = new Map<string, TokenDocument>()
  const keystone = {
    url: '',
    /** What it vouches for; a token is revoked by taking it out. */
    known,
    trouble: null as Trouble | null,
    /** The bodies of the service's logins. */
    logins: [] as unknown[],
    takesLogins: true,
    /** Seconds that a token of the service is good for. */
    lifetime: HOUR,
    /** The tokens that it was asked about. */
    subjects: [] as string[],
    /** What it has besides tokens, by path and query below `/v3`, for whom the token is of; null for nothing. */
    find: (_path: string, _reader: TokenDocument): unknown => null,
    /** Every request, also those that get into trouble. */
    requests: [] as string[],
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function logIn(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { auth } = JSON.parse(await text(incoming))
    keystone.logins.push({ auth })
    if (!keystone.takesLogins) return answer(outgoing, 401)
    const name = `service-token-${keystone.logins.length}`
    const scope = auth.scope?.system ? { project: undefined, system: auth.scope.system } : {}
    const token = tokenFor({ roles: rolesNamed('service'), ...scope }, keystone.lifetime)
    known.set(name, token)
    outgoing.setHeader('X-Subject-Token', name)
    return answer(outgoing, 201, { token })
  }

  function validate({ headers, url = '' }: IncomingMessage, outgoing: ServerResponse): void {
    const subject = String(headers['x-subject-token'])
    keystone.subjects.push(subject)
    if (!known.has(String(headers['x-auth-token']))) return answer(outgoing, 401)
    if (subject.length > LONGEST_LINE) return getIntoTrouble('closed', outgoing)
    const token = known.get(subject)
    const isExpired = token && Date.parse(token.expires_at) <= Date.now()
    if (!token || (isExpired && !url.includes('&allow_expired=1'))) return answer(outgoing, 404)
    return answer(outgoing, 200, { token })
  }

  function read({ headers, url = '' }: IncomingMessage, outgoing: ServerResponse): void {
    const reader = known.get(String(headers['x-auth-token']))
    if (!reader) return answer(outgoing, 401)
    const found = keystone.find(url.replace(/^\/v3/, ''), reader)
    return found === null ? answer(outgoing, 404) : answer(outgoing, 200, found)
  }

  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    keystone.requests.push(`${method} ${url}`)
    if (keystone.trouble !== null) return getIntoTrouble(keystone.trouble, outgoing)
    if (!url.startsWith('/v3/auth/tokens?nocatalog')) return read(incoming, outgoing)
    if (method === 'POST') return void logIn(incoming, outgoing)
    return validate(incoming, outgoing)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  keystone.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return keystone
}

function answer(outgoing: ServerResponse, status: number, body: unknown = { error: {} }): void {
  outgoing.writeHead(status, { 'Content-Type': 'application/json' })
  outgoing.end(JSON.stringify(body))
}

function getIntoTrouble(trouble: Trouble, outgoing: ServerResponse): void {
  if (trouble === 'silent') return
  // As uWSGI does with a request of more than its 4 KiB.
  if (trouble === 'closed') return void outgoing.socket?.destroy()
  const { status, body = '', location } = trouble
  outgoing.writeHead(status, location === undefined ? {} : { Location: location })
  outgoing.end(body)
}
