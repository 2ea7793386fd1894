import { serializeManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import { contentRange, requestedRange } from '../http/range.ts'
import { reprDigest } from '../http/repr-digest.ts'
import { hasBearerToken } from '../identity/mirror-tokens.ts'
import { NowhereError } from '../mirror/chunks/filling.ts'
import type { EdgeStatus } from '../mirror/edge-status.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import { type Head, siteName } from '../mirror/feed/records.ts'
import { SITE_HEADER } from '../mirror/upstream/sites.ts'
import type { Services } from '../services.ts'
import type { App, RequestContext } from './context.ts'
import { json } from './json.ts'
import { respond } from './respond.ts'
import { requireSnapshot } from './unsynced.ts'

const MAX_WAIT_SECONDS = 30

/** What never changes may be kept by any cache, and be given to whoever shows the token to the cache. */
const IMMUTABLE = { 'Cache-Control': 'public, max-age=31536000, immutable' }
const FRESH = { 'Cache-Control': 'no-store' }

/** How a site stands, which is for those too who look after it on its own machine. */
export const STATUS_PATH = '/mirror/v1/status'

/** Mounts what mirrors read: the feed, and the manifests and chunks it leads to. Only GET and HEAD. */
export function mountMirror(app: App, services: Services): void {
  const { config, operatorToken } = services
  const { tokens } = config.mirror
  const forStatus = operatorToken === null ? tokens : [...tokens, operatorToken]
  app.use('/mirror/v1/*', async function requireMirrorToken(context, next) {
    const accepted = context.req.path === STATUS_PATH ? forStatus : tokens
    if (!hasBearerToken(context.req.header('Authorization') ?? null, accepted)) {
      // Where no mirrors are wanted strangers are told nothing of them.
      if (tokens.length === 0) throw new HeliostatError('not-found', standardSentence(404) ?? '')
      throw unauthorized()
    }
    await next()
  })
  mountFeed(app, services)
  mountContent(app, services)
}

function mountFeed(app: App, { feed, followers, edge }: Services): void {
  if (edge) {
    for (const path of ['changes', 'snapshot']) app.use(`/mirror/v1/${path}`, requireSnapshot(edge))
  }

  app.get('/mirror/v1/head', async (context) => {
    const wait = Math.min(wholeNumber(context, 'wait', 0), MAX_WAIT_SECONDS)
    const since = wholeNumber(context, 'since', 0)
    followers.note({
      site: siteOf(context),
      address: context.env?.peerAddress ?? null,
      seq: since,
    })
    await feed.untilMoved(since, wait * 1000, context.req.raw.signal)
    const head = await readHead(feed, edge)
    return json(context, head, { headers: { ...FRESH, ETag: `"${head.epoch}.${head.seq}"` } })
  })

  app.get('/mirror/v1/changes', async (context) =>
    json(context, await feed.changes(wholeNumber(context, 'after', 0)), { headers: FRESH }),
  )

  app.get('/mirror/v1/snapshot', async (context) => {
    const start = { epoch: await feed.epoch(), seq: await feed.seq() }
    // Only to those who know what that is.
    const withMetadefs = context.req.query('with') === 'metadefs'
    return respond(context, snapshotLines(feed, start, withMetadefs), 200, {
      'Content-Type': 'application/x-ndjson',
      ...FRESH,
    })
  })
}

function mountContent(app: App, { manifests, openBody, hasBytes }: Services): void {
  app.get('/mirror/v1/manifests/:digest', async (context) => {
    const digest = context.req.param('digest')
    const manifest = await manifests.find(digest)
    if (!manifest) throw absent('manifest', digest)
    const text = serializeManifest(manifest)
    return respond(context, text, 200, {
      'Content-Type': 'application/json',
      ...immutable(digest),
    })
  })

  app.get('/mirror/v1/chunks/:digest', async (context) => {
    const digest = context.req.param('digest')
    const size = await manifests.sizeOfChunk(digest)
    if (size === null) throw absent('chunk', digest)
    const isHead = context.req.method === 'HEAD'
    const range = isHead ? null : requestedRange(context.req.raw.headers, size)
    const content = { size, chunkSize: size, chunks: [digest] }
    const span = range ?? { offset: 0, length: size }
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(span.length),
      'Accept-Ranges': 'bytes',
      ...immutable(digest),
      ...(range && { 'Content-Range': contentRange(range, size) }),
    }
    const status = range ? 206 : 200
    // A body that nobody takes would keep its chunk open, and an edge would have fetched it for nothing.
    if (isHead && (await hasBytes(content))) return respond(context, null, status, headers)
    const body = isHead ? null : await openBody(content, span).catch(nullWhereNowhere)
    if (!body) throw absent('chunk', digest)
    context.get('logWhenSent')(body.sent)
    const response = respond(context, body.bytes ?? body.stream, status, headers)
    body.attach(response)
    return response
  })
}

/** By [503] an edge would take this site for one that does not answer, and ask it for no other image either. */
function nullWhereNowhere(error: unknown): null {
  if (error instanceof NowhereError) return null
  throw error
}

/** Where the feed stands. */
export async function readHead(feed: Feed, edge: EdgeStatus | null): Promise<Head> {
  return {
    epoch: await feed.epoch(),
    seq: await feed.seq(),
    time: Date.now(),
    sites: await feed.sites(),
    ...(edge && !(await edge.hasSnapshot()) && { synced: false }),
  }
}

/** The first line tells where the feed stood before the first record was read; what changes meanwhile comes by the feed. */
function snapshotLines(
  feed: Feed,
  start: { epoch: string; seq: number },
  withMetadefs: boolean,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const line = (value: unknown) => `${JSON.stringify(value)}\n`
  let after = ''
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(encoder.encode(line(start))),
      async pull(controller) {
        const page = await feed.page(after)
        after = page.at(-1)?.id ?? ''
        if (page.length > 0) return controller.enqueue(encoder.encode(page.map(line).join('')))
        if (withMetadefs) {
          controller.enqueue(encoder.encode(line({ metadefs: await feed.metadefs() })))
        }
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

function immutable(digest: string): Record<string, string> {
  return { ...IMMUTABLE, ETag: `"${digest}"`, ...reprDigest('sha256', digest) }
}

function wholeNumber(context: RequestContext, name: string, fallback: number): number {
  const text = context.req.query(name)
  if (text === undefined) return fallback
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new HeliostatError('invalid', `Parameter "${name}" is "${text}", wanted a whole number`)
}

/** The id of the site that asks, if it says so. */
function siteOf(context: RequestContext): string | null {
  const { data } = siteName.safeParse(context.req.header(SITE_HEADER))
  return data ?? null
}

function absent(what: string, digest: string): HeliostatError {
  return new HeliostatError('not-found', `There is no ${what} ${digest}`)
}

function unauthorized(): HeliostatError {
  return new HeliostatError('unauthenticated', 'Send a mirror token: Authorization: Bearer TOKEN', {
    headers: { 'WWW-Authenticate': 'Bearer realm="heliostat mirror"' },
  })
}
