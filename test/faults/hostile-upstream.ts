/**
 * A hostile upstream, as a program of its own: `hostile-upstream.ts ORIGIN`. It passes on what it is asked to a good
 * origin, but for the lie that its mode is. `/SITE/…` are sites with modes of their own, set by `PUT /SITE` and named
 * by its body; at first a site has the mode that it is called by. It ends by itself.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { argv } from 'node:process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGzip } from 'node:zlib'

const LIFE_MS = 180_000
/** More than an edge may take; what is sent then is an end without an end. */
const MOST_BYTES = 1 << 30
const KIB_64 = 64 << 10

const [, , origin = ''] = argv
const modes = new Map<string, string>()

interface Question {
  path: string
  /** `head`, `changes`, `snapshot`, `manifests` or `chunks`. */
  kind: string
  incoming: IncomingMessage
  outgoing: ServerResponse
}

type Lie = (question: Question) => void | Promise<void>

/** What a mode does to the questions of one kind, or of every kind. */
const LIES: Record<string, { of: string[] | null; lie: Lie }> = {
  'drip-snapshot': { of: ['snapshot'], lie: drip },
  'drip-chunks': { of: ['chunks'], lie: drip },
  'endless-line': { of: ['snapshot'], lie: endless('{"epoch":"e","seq":1}\n{"id":"', 'x', KIB_64) },
  'tiny-pieces': { of: ['snapshot'], lie: endless('{"epoch":"e","seq":1}\n{"id":"', 'x', 1) },
  'endless-document': { of: ['changes'], lie: endless('{"epoch":"', 'x', KIB_64) },
  'endless-manifest': {
    of: ['manifests'],
    lie: endless('{"version":1,"chunks":[', 'null,', KIB_64),
  },
  'endless-chunk': { of: ['chunks'], lie: endless('', 'x', KIB_64) },
  'many-values': { of: ['changes'], lie: repeated('{"changes":[', '{},', 1_000_000) },
  'deep-values': { of: ['changes'], lie: repeated('{"changes":', '[', 1_000_000) },
  'many-keys': { of: ['changes'], lie: keys },
  'gzip-bomb': { of: null, lie: bomb },
  redirect: {
    of: null,
    lie: ({ outgoing }) => void outgoing.writeHead(302, { Location: '/' }).end(),
  },
  'endless-headers': { of: null, lie: raw('HTTP/1.1 200 OK\r\n', 'X-Header: '.padEnd(1000, 'x')) },
  'endless-continue': { of: ['changes'], lie: raw('', 'HTTP/1.1 102 Processing\r\n\r\n') },
  'too-long-body': {
    of: ['changes'],
    lie: raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', '{}'),
  },
  'missing-manifest': {
    of: ['manifests'],
    lie: ({ outgoing }) => void outgoing.writeHead(404).end(),
  },
  'lying-manifest': { of: ['manifests'], lie: lieInManifest },
  'lying-record': { of: ['changes'], lie: lieInRecord },
  'wrong-chunk': {
    of: ['chunks'],
    lie: ({ outgoing }) => void outgoing.end(Buffer.alloc(1 << 20, 7)),
  },
  'short-chunk': { of: ['chunks'], lie: ({ outgoing }) => void outgoing.end('short') },
}

/** A byte now and then. */
async function drip({ outgoing }: Question): Promise<void> {
  outgoing.writeHead(200)
  while (outgoing.writable && !outgoing.destroyed) {
    outgoing.write(' ')
    await sleep(250)
  }
}

/** The same over and over, in pieces of so many bytes. */
function endless(start: string, part: string, bytes: number): Lie {
  const piece = part.repeat(Math.ceil(bytes / part.length))
  return async ({ outgoing }) => {
    outgoing.write(start)
    for (let sent = 0; sent < MOST_BYTES && !outgoing.destroyed; sent += piece.length) {
      outgoing.cork()
      for (let i = 0; i < KIB_64 / piece.length; i++) outgoing.write(piece)
      outgoing.uncork()
      if (outgoing.writableNeedDrain) await drained(outgoing)
    }
    outgoing.end()
  }
}

function repeated(start: string, part: string, count: number): Lie {
  return ({ outgoing }) => void outgoing.end(start + part.repeat(count))
}

/** An object of more keys than any image has properties. */
function keys({ outgoing }: Question): void {
  const names = Array.from({ length: 500_000 }, (_, i) => `"k${i}":""`)
  outgoing.end(`{"epoch":"e","seq":9,"more":false,"changes":[{"seq":1,"image":{${names.join()}}}]}`)
}

/** A gigabyte of spaces, in a megabyte. */
async function bomb({ outgoing }: Question): Promise<void> {
  outgoing.writeHead(200, { 'Content-Encoding': 'gzip' })
  const gzip = createGzip()
  gzip.pipe(outgoing)
  const spaces = Buffer.alloc(1 << 20, ' ')
  for (let i = 0; i < 1024 && !outgoing.destroyed; i++) {
    if (!gzip.write(spaces)) await Promise.race([drained(gzip), sleep(100)])
  }
  gzip.end()
}

/** Bytes past Node's own idea of an answer, the second part without end. */
function raw(start: string, part: string): Lie {
  return async ({ incoming: { socket } }) => {
    socket.write(start)
    for (let sent = 0; sent < MOST_BYTES && !socket.destroyed; sent += part.length) {
      if (!socket.write(part)) await drained(socket)
    }
  }
}

function drained(stream: { once(event: string, listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve)
    stream.once('close', resolve)
  })
}

async function lieInManifest({ path, outgoing, incoming }: Question): Promise<void> {
  const manifest = JSON.parse(await text((await askOrigin(path, incoming)).stream()))
  outgoing.end(JSON.stringify({ ...manifest, size: 9e12, chunk_size: 9e12 }))
}

async function lieInRecord({ path, outgoing, incoming }: Question): Promise<void> {
  const page = JSON.parse(await text((await askOrigin(path, incoming)).stream()))
  for (const { image } of page.changes) image.tags = ['twice', 'twice']
  outgoing.end(JSON.stringify(page))
}

async function askOrigin(path: string, { headers }: IncomingMessage): Promise<Blob> {
  const response = await fetch(`${origin}${path}`, {
    headers: { Authorization: headers.authorization ?? '' },
  })
  return response.blob()
}

async function passOn({ path, incoming, outgoing }: Question): Promise<void> {
  const response = await fetch(`${origin}${path}`, {
    headers: { Authorization: incoming.headers.authorization ?? '' },
  })
  outgoing.writeHead(response.status)
  for await (const part of response.body ?? []) outgoing.write(part)
  outgoing.end()
}

const server = createServer(async (incoming, outgoing) => {
  const [, site = '', ...rest] = (incoming.url ?? '').split('/')
  if (incoming.method === 'PUT') {
    modes.set(site, await text(incoming))
    outgoing.end()
    return
  }
  const path = `/${rest.join('/')}`
  const kind = rest[2]?.split('?')[0] ?? ''
  const { of, lie } = LIES[modes.get(site) ?? site] ?? { of: [], lie: passOn }
  const answer = of === null || of.includes(kind) ? lie : passOn
  const question = { path, kind, incoming, outgoing }
  await Promise.resolve(answer(question)).catch(() => outgoing.destroy())
})

// Whoever hangs up is what this is about.
process.on('uncaughtException', () => undefined)
setTimeout(() => process.exit(1), LIFE_MS)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''
  console.log(`The hostile one serves the Image API on http://127.0.0.1:${port}`)
})
