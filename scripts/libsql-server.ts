/**
 * A small libSQL server for tests and development: Hrana over HTTP, JSON, as `@libsql/client/web`
 * speaks it: https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md
 *
 *     node --import tsx scripts/libsql-server.ts --db data/libsql.db --port 8080
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { Context, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import { createStreams, requestSchema } from './libsql-server/stream.ts'
import type { Stream } from './libsql-server/stream.ts'

export interface LibsqlServerOptions {
  /** The database file; made if it is not there. */
  path: string
  /** 0 for any free port. */
  port?: number
  host?: string
  /** The bearer token every request must carry. Without it all are let in. */
  authToken?: string
  /** How long a stream may wait for its next request. An open transaction holds up all writers. */
  idleMs?: number
}

// As sqld gives a stream.
const IDLE_MS = 10_000

const pipelineSchema = z.object({
  baton: z.string().nullish(),
  requests: z.array(requestSchema),
})

/** Starts the server and resolves once it listens. */
export async function startLibsqlServer(options: LibsqlServerOptions) {
  const { path, port = 0, host = '127.0.0.1', authToken, idleMs = IDLE_MS } = options
  const streams = createStreams(path)
  const parked = createParking(idleMs)
  const server = createAdaptorServer({ fetch: createApp({ streams, parked, authToken }).fetch })
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close(): Promise<void> {
      const closed = once(server, 'close')
      server.close()
      // Ends open transactions first: a request in the queue behind one would never be answered.
      parked.close()
      await closed
      streams.close()
    },
  }
}

interface AppParts {
  streams: { open(): Stream }
  parked: ReturnType<typeof createParking>
  authToken: string | undefined
}

function createApp({ streams, parked, authToken }: AppParts): Hono {
  async function pipeline(c: Context): Promise<Response> {
    const body = pipelineSchema.safeParse(await c.req.json().catch(() => null))
    if (!body.success) {
      return c.json({ message: z.prettifyError(body.error), code: 'PROTOCOL_ERROR' }, 400)
    }
    const { baton, requests } = body.data
    const { signal } = c.req.raw
    const stream = baton ? parked.take(baton) : streams.open()
    if (stream === null) {
      const message = 'The stream has expired due to inactivity'
      return c.json({ message, code: 'STREAM_EXPIRED' }, 400)
    }
    const results: object[] = []
    for (const request of requests) results.push(await stream.answer(request))
    // Who left while queued never learns the baton, so the transaction just begun is nobody's.
    if (signal.aborted) stream.end()
    return c.json({ baton: parked.put(stream), base_url: null, results })
  }

  const app = new Hono()
  // Clients probe a version by its bare path. `/v3-protobuf` stays 404, so they fall back to JSON.
  app.get('/v2', (c) => c.text('Hello, this is HTTP API v2 (Hrana over HTTP)'))
  app.get('/v3', (c) => c.text('Hello, this is HTTP API v3 (Hrana over HTTP)'))
  if (authToken !== undefined) app.use('/:version/pipeline', requireToken(authToken))
  app.post('/v2/pipeline', pipeline)
  app.post('/v3/pipeline', pipeline)
  return app
}

function requireToken(token: string): MiddlewareHandler {
  // Digests have one length, which the constant-time comparison asks for.
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const wanted = digest(`Bearer ${token}`)
  return async (c, next) => {
    if (timingSafeEqual(digest(c.req.header('authorization') ?? ''), wanted)) return next()
    return c.json({ error: 'Authentication failed: The token is missing or wrong' }, 401)
  }
}

/** Streams between two requests, each behind a baton that is good for one request. */
function createParking(idleMs: number) {
  const parked = new Map<string, { stream: Stream; timer: NodeJS.Timeout }>()
  let closed = false

  function take(baton: string): Stream | null {
    const entry = parked.get(baton)
    if (entry === undefined) return null
    clearTimeout(entry.timer)
    parked.delete(baton)
    return entry.stream
  }

  return {
    take,
    put(stream: Stream): string | null {
      if (closed) stream.end()
      if (stream.ended) return null
      const baton = randomUUID()
      const timer = setTimeout(() => take(baton)?.end(), idleMs)
      parked.set(baton, { stream, timer })
      return baton
    },
    close() {
      closed = true
      for (const baton of parked.keys()) take(baton)?.end()
    },
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      db: { type: 'string', default: 'data/libsql.db' },
      port: { type: 'string', default: '8080' },
      'auth-token': { type: 'string' },
    },
  })
  mkdirSync(dirname(values.db), { recursive: true })
  const token = values['auth-token']
  const server = await startLibsqlServer({
    path: values.db,
    port: Number(values.port),
    ...(token === undefined ? {} : { authToken: token }),
  })
  console.log(`libSQL server with ${values.db} at ${server.url}`)
  console.log(`HELIOSTAT_DATABASE__CONNECTION=${server.url}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
