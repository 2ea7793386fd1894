/** A Glance of an old release, with its quirks, and one that gets into trouble in the middle of an image. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { randomData } from './random-data.ts'

const AT = '2018-03-01T10:20:30Z'
/** Images a page, however many are asked for. */
const PAGE = 2

export interface OldImage {
  bytes: Buffer
  /** After so many bytes the connection breaks, each time that fewer have been asked for. */
  breaksAt?: number
  /** Sends the bytes up to `breaksAt`, and then nothing more. */
  stalls?: boolean
  /** Sends these instead. */
  sent?: Buffer
  record: Record<string, unknown> & { id: string }
}

export type OldGlance = Awaited<ReturnType<typeof startOldGlance>>

/** An active image; its record has only an MD5, unless the facts say otherwise. */
export function oldImage(
  facts: Record<string, unknown> = {},
  bytes = randomData(100_000),
): OldImage {
  const id = randomUUID()
  const record = {
    id,
    name: `old ${id.slice(0, 4)}`,
    status: 'active',
    visibility: 'public',
    protected: false,
    owner: 'demo',
    size: bytes.length,
    min_disk: 0,
    min_ram: 0,
    disk_format: 'raw',
    container_format: 'bare',
    checksum: createHash('md5').update(bytes).digest('hex'),
    created_at: AT,
    updated_at: AT,
    tags: [],
    virtual_size: null,
    self: `/v2/images/${id}`,
    file: `/v2/images/${id}/file`,
    schema: '/v2/schemas/image',
    ...facts,
  }
  return { bytes, record }
}

export async function startOldGlance(
  options: { knowsRanges?: boolean; token?: () => string } = {},
) {
  const { knowsRanges = true, token } = options
  const glance = {
    url: '',
    images: [] as OldImage[],
    requests: [] as string[],
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  function list(query: URLSearchParams, outgoing: ServerResponse): void {
    // Visibility `all` came later; hidden images too, so that it is taken for the property of an image.
    if (query.get('visibility') === 'all') return answer(outgoing, 400)
    const isCommunity = query.get('visibility') === 'community'
    const all = glance.images.filter(
      ({ record }) =>
        (record['visibility'] === 'community') === isCommunity && !query.has('os_hidden'),
    )
    const from = all.findIndex(({ record }) => record.id === query.get('marker')) + 1
    const page = all.slice(from, from + PAGE)
    const next = from + PAGE < all.length ? { next: '/v2/images?marker=…' } : {}
    answer(outgoing, 200, {
      images: page.map(({ record }) => record),
      first: '/v2/images',
      ...next,
    })
  }

  function send(image: OldImage, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { bytes, sent = bytes, breaksAt = Infinity, stalls = false } = image
    const [, first = ''] = /^bytes=(\d+)-/.exec(incoming.headers.range ?? '') ?? []
    const from = knowsRanges ? Number(first) : 0
    const range = { 'Content-Range': `bytes ${from}-${sent.length - 1}/${sent.length}` }
    outgoing.writeHead(from > 0 ? 206 : 200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': sent.length - from,
      ...(from > 0 && range),
    })
    const isBroken = Number(first) < breaksAt && breaksAt < sent.length
    if (!isBroken) return void outgoing.end(sent.subarray(from))
    outgoing.write(sent.subarray(from, breaksAt), () => {
      if (!stalls) outgoing.destroy()
    })
  }

  const server = createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://glance')
    glance.requests.push(`${pathname} ${incoming.headers.range ?? ''}`.trim())
    if (token && incoming.headers['x-auth-token'] !== token()) return answer(outgoing, 401)
    if (pathname === '/v2/images') return list(searchParams, outgoing)
    const [, id, what] = /^\/v2\/images\/([^/]+)(\/\w+)?$/.exec(pathname) ?? []
    const image = glance.images.find(({ record }) => record.id === id)
    if (!image) return answer(outgoing, 404)
    if (what === '/file') return send(image, incoming, outgoing)
    return answer(outgoing, 200, what === '/members' ? { members: [] } : image.record)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  glance.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return glance
}

function answer(outgoing: ServerResponse, status: number, body: unknown = {}): void {
  outgoing.writeHead(status, { 'Content-Type': 'application/json' })
  outgoing.end(JSON.stringify(body))
}
