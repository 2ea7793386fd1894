/** A small Swift in memory, with its own login and that of Keystone, which gets into trouble when it is told to. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { type SwiftOptions, swiftAccount } from '../../src/blobs/swift/settings.ts'

export type SwiftServer = Awaited<ReturnType<typeof startSwiftServer>>

/**
 * What comes instead of the right answer. Of a body: only so many bytes before the connection ends (`cut`) or nothing
 * more comes (`stall`), or a length that is not its own (`length`).
 */
export type Trouble =
  | { status: number; headers?: Record<string, string>; body?: Buffer }
  | { cut: number }
  | { stall: number }
  | { length: number }
  | 'closed'

export interface StoredObject {
  bytes: Buffer
  headers: Record<string, string>
  storedAt: Date
  /** The names, with containers, of the segments of a static large object. */
  segments: string[] | null
}

const USER = 'demo:glance'
const KEY = 'secret-key'
const ACCOUNT = '/v1/AUTH_demo'
const HOUR = 3600

/** Options that lead to a server, as the rest of the options would have them without a configuration. */
export function swiftOptions(address: string, version: '1' | '3', changes = {}): SwiftOptions {
  return {
    account: swiftAccount({
      swift_store_auth_version: version,
      swift_store_auth_address: address,
      swift_store_user: USER,
      swift_store_key: KEY,
      swift_store_application_credential_id: null,
      swift_store_application_credential_secret: null,
    }),
    default_swift_reference: 'ref1',
    swift_store_region: null,
    swift_store_endpoint: null,
    swift_store_endpoint_type: 'publicURL',
    swift_store_service_type: 'object-store',
    swift_store_container: 'glance',
    swift_store_create_container_on_put: true,
    swift_store_retry_get_count: 0,
    swift_store_expire_soon_interval: 60,
    swift_store_multi_tenant: false,
    ...changes,
  }
}

export async function startSwiftServer() {
  const containers = new Map<string, Map<string, StoredObject>>()
  const tokens = new Set<string>()
  const swift = {
    url: '',
    containers,
    /** Those that are taken; one is revoked by taking it out. */
    tokens,
    /** The bodies of Keystone's logins, and the headers of the other ones. */
    logins: [] as unknown[],
    takesLogins: true,
    /** Seconds; null where that is not said. */
    lifetime: HOUR as number | null,
    /** Names that it lists in a page at most. */
    pageSize: 10_000,
    /** Method and path below the account of each request, and what the log in asks for. */
    requests: [] as string[],
    trouble: (_request: string, _incoming: IncomingMessage): Trouble | null => null,
    options: (version: '1' | '3', changes = {}) =>
      swiftOptions(`${swift.url}${version === '1' ? '/auth/v1.0' : '/v3'}`, version, changes),
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  function grant(): string {
    const token = `token-${randomUUID()}`
    tokens.add(token)
    return token
  }

  function logIn({ headers }: IncomingMessage): Answer {
    const { 'x-auth-user': user, 'x-auth-key': key } = headers
    swift.logins.push({ user, key })
    if (!swift.takesLogins || user !== USER || key !== KEY) return { status: 401 }
    const expires = swift.lifetime === null ? {} : { 'X-Auth-Token-Expires': `${swift.lifetime}` }
    const url = `${swift.url}${ACCOUNT}`
    return { status: 200, headers: { 'X-Auth-Token': grant(), 'X-Storage-Url': url, ...expires } }
  }

  async function logInByKeystone(incoming: IncomingMessage): Promise<Answer> {
    swift.logins.push(JSON.parse((await buffer(incoming)).toString()))
    if (!swift.takesLogins) return { status: 401 }
    const endpoint = (kind: string, region: string, url: string) => ({
      interface: kind,
      region,
      region_id: region,
      url,
    })
    const endpoints = [
      endpoint('admin', 'RegionOne', 'http://127.0.0.1:1/admin'),
      endpoint('public', 'RegionOne', `${swift.url}${ACCOUNT}`),
      endpoint('internal', 'RegionOne', `${swift.url}${ACCOUNT}/`),
      endpoint('public', 'RegionTwo', 'http://127.0.0.1:1/two'),
    ]
    const catalog = [
      { type: 'image', name: 'glance', endpoints: [] },
      { type: 'object-store', name: 'swift', endpoints },
    ]
    const expires = new Date(Date.now() + (swift.lifetime ?? HOUR) * 1000).toISOString()
    const body = JSON.stringify({ token: { expires_at: expires, catalog } })
    return { status: 201, headers: { 'X-Subject-Token': grant() }, body: Buffer.from(body) }
  }

  async function answer(incoming: IncomingMessage): Promise<Answer> {
    const { method = '', url = '', headers } = incoming
    const { pathname, searchParams } = new URL(url, swift.url)
    if (pathname === '/auth/v1.0') return logIn(incoming)
    if (pathname === '/v3/auth/tokens' && method === 'POST') return logInByKeystone(incoming)
    if (!tokens.has(String(headers['x-auth-token']))) return { status: 401 }
    if (!pathname.startsWith(`${ACCOUNT}/`)) return { status: 404 }
    const path = pathname.slice(ACCOUNT.length + 1).split('/')
    const [container = '', ...key] = path.map(decodeURIComponent)
    const asked = { method, query: searchParams, incoming }
    if (key.length === 0) return answerForContainer(swift, container, asked)
    return answerForObject(containers, container, key.join('/'), asked)
  }

  const server = createServer(async (incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    const request = `${method} ${decodeURIComponent(url.replace(`${ACCOUNT}/`, ''))}`
    swift.requests.push(request)
    const trouble = swift.trouble(request, incoming)
    if (trouble === 'closed') return incoming.socket.destroy()
    if (trouble && 'status' in trouble) {
      incoming.resume()
      return send(outgoing, { body: Buffer.from('<html>Trouble</html>'), ...trouble }, method)
    }
    return send(outgoing, await answer(incoming), method, trouble)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  swift.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return swift
}

interface Answer {
  status: number
  headers?: Record<string, string>
  body?: Buffer
}

interface Asked {
  method: string
  query: URLSearchParams
  incoming: IncomingMessage
}

type Containers = Map<string, Map<string, StoredObject>>

function send(
  outgoing: ServerResponse,
  { status, headers = {}, body = Buffer.alloc(0) }: Answer,
  method: string,
  trouble: Exclude<Trouble, 'closed' | { status: number }> | null = null,
): void {
  const length = trouble && 'length' in trouble ? trouble.length : body.length
  outgoing.writeHead(status, { 'Content-Length': `${length}`, 'X-Trans-Id': 'tx1', ...headers })
  if (method === 'HEAD') return void outgoing.end()
  if (trouble === null || 'length' in trouble) return void outgoing.end(body)
  if ('stall' in trouble) return void outgoing.write(body.subarray(0, trouble.stall))
  outgoing.write(body.subarray(0, trouble.cut), () => outgoing.socket?.destroy())
}

function answerForContainer(
  { containers, pageSize }: Pick<SwiftServer, 'containers' | 'pageSize'>,
  name: string,
  { method, query }: Asked,
): Answer {
  if (method === 'PUT') {
    if (!containers.has(name)) containers.set(name, new Map())
    return { status: 201 }
  }
  const objects = containers.get(name)
  if (!objects) return { status: 404 }
  const { prefix = '', marker = '', limit = '10000' } = Object.fromEntries(query)
  const names = [...objects.keys()]
    .filter((key) => key.startsWith(prefix) && key > marker)
    .toSorted()
    .slice(0, Math.min(Number(limit), pageSize))
  const page = names.map((key) => ({
    name: key,
    last_modified: objects.get(key)?.storedAt.toISOString().replace('Z', '000'),
  }))
  return { status: 200, body: Buffer.from(JSON.stringify(page)) }
}

async function answerForObject(
  containers: Containers,
  container: string,
  key: string,
  asked: Asked,
): Promise<Answer> {
  const { method, query, incoming } = asked
  const objects = containers.get(container)
  if (method === 'PUT') return store(objects, key, await buffer(incoming), asked)
  const object = objects?.get(key)
  if (!objects || !object) return { status: 404 }
  if (method === 'DELETE') {
    objects.delete(key)
    if (query.get('multipart-manifest') !== 'delete') return { status: 204 }
    for (const segment of object.segments ?? []) takeOut(containers, segment)
    return { status: 200, body: Buffer.from('{"Response Status": "200 OK", "Errors": []}') }
  }
  const bytes = joined(containers, object)
  const etag = createHash('md5').update(bytes).digest('hex')
  const headers = { ...object.headers, ETag: etag }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(incoming.headers.range ?? '') ?? []
  if (first === undefined) return { status: 200, headers, body: bytes }
  if (Number(first) >= bytes.length) return { status: 416 }
  const body = bytes.subarray(Number(first), Number(last) + 1)
  const range = `bytes ${first}-${Number(first) + body.length - 1}/${bytes.length}`
  return { status: 206, headers: { ...headers, 'Content-Range': range }, body }
}

function store(
  objects: Map<string, StoredObject> | undefined,
  key: string,
  bytes: Buffer,
  { incoming: { headers }, query }: Asked,
): Answer {
  if (!objects) return { status: 404 }
  const { etag, 'x-object-manifest': manifest, 'x-object-meta-sha256': meta } = headers
  if (etag !== undefined && etag !== createHash('md5').update(bytes).digest('hex')) {
    return { status: 422 }
  }
  const isStatic = query.get('multipart-manifest') === 'put'
  objects.set(key, {
    bytes: isStatic ? Buffer.alloc(0) : bytes,
    headers: {
      ...(meta !== undefined && { 'X-Object-Meta-Sha256': String(meta) }),
      ...(manifest !== undefined && { 'X-Object-Manifest': String(manifest) }),
      ...(isStatic && { 'X-Static-Large-Object': 'True' }),
    },
    storedAt: new Date(),
    segments: isStatic ? pathsOf(bytes) : null,
  })
  return { status: 201 }
}

function pathsOf(manifest: Buffer): string[] {
  const segments: { path: string }[] = JSON.parse(manifest.toString())
  return segments.map(({ path }) => path.replace(/^\//, ''))
}

/** The bytes as they are read: those of its segments, where there are any. */
function joined(containers: Containers, { bytes, headers, segments }: StoredObject): Buffer {
  const manifest = headers['X-Object-Manifest']
  if (manifest === undefined && segments === null) return bytes
  const paths = segments ?? beginningWith(containers, decodeURIComponent(manifest ?? ''))
  return Buffer.concat(paths.map((path) => objectAt(containers, path)?.bytes ?? Buffer.alloc(0)))
}

function beginningWith(containers: Containers, path: string): string[] {
  const [container, prefix] = split(path)
  const names = [...(containers.get(container)?.keys() ?? [])]
  return names
    .filter((name) => name.startsWith(prefix))
    .toSorted()
    .map((name) => `${container}/${name}`)
}

function objectAt(containers: Containers, path: string): StoredObject | undefined {
  const [container, key] = split(path)
  return containers.get(container)?.get(key)
}

function takeOut(containers: Containers, path: string): void {
  const [container, key] = split(path)
  containers.get(container)?.delete(key)
}

function split(path: string): [string, string] {
  const slash = path.indexOf('/')
  return [path.slice(0, slash), path.slice(slash + 1)]
}
