import { configureSync, getConsoleSink, getLogger } from '@logtape/logtape'
import { createApp } from '../app.ts'
import { createBodyOpener, createBytesProbe, type OpenBody } from '../blobs/body.ts'
import { createChunkBuffers } from '../blobs/chunk-buffers.ts'
import { inlineDigester } from '../blobs/digest.ts'
import { hasNamedStores } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { errorBody, reasonPhrase } from '../http/error-body.ts'
import { createManifests } from '../inventory/manifests.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import { openRegistry } from '../registry/database.ts'
import { openRemote } from '../registry/remote.ts'
import { createStores } from '../stores/store.ts'
import { createChores } from './chores.ts'
import { jsonLine } from './json-log.ts'
import { openPreferred } from './preferred.ts'
import { createServices } from './services.ts'
import { createSiteCopies } from './site-copies.ts'
import { NO_TOOLS } from './site-plugins.ts'
import { runUpkeep } from './upkeep.ts'
import { readWorkerConfig } from './worker-config.ts'
import { openWorkerStores, send } from './worker-stores.ts'

const log = getLogger(['heliostat', 'worker'])

/** Bindings, and the configuration as vars and secrets named `HELIOSTAT_…`. */
type WorkerEnv = Record<string, unknown>

interface Site {
  app: { fetch(request: Request): Response | Promise<Response> }
  upkeep(): Promise<void>
  /** Resolves when nothing goes on that a request has begun. */
  settled(): Promise<void>
}

function createSite(env: WorkerEnv): Site {
  const { config, connection } = readWorkerConfig(env)
  configureLogs(config.DEFAULT.debug)
  const registry = openRegistry(openRemote(connection.url, connection.authToken))
  const feed = createFeed(registry)
  const manifests = createManifests(registry)
  const opened = openWorkerStores({ config, registry, siteId: feed.siteId, env })
  const stores = createStores(opened, hasNamedStores(config))
  const copies = createSiteCopies({ config, registry, stores, manifests })
  const services = createServices({
    config,
    registry,
    feed,
    stores,
    copies,
    manifests,
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    openBody: withLength(createBodyOpener(copies)),
    hasBytes: createBytesProbe(copies),
    openPreferred: (prefer) =>
      withLength(openPreferred({ copies, manifests, digester: inlineDigester }, prefer)),
    openFetch: () => send,
    importTools: NO_TOOLS,
    cache: null,
    sweepCache: async () => 0,
    tokens: '',
    operatorToken: null,
    isDisabled: async () => false,
    chores: createChores(),
    damage: () => null,
    noteDamage: async () => undefined,
    health: null,
    count: null,
  })
  const { settled } = services.importer
  return {
    app: createApp(services),
    settled,
    async upkeep() {
      await runUpkeep(services)
      await settled()
    },
  }
}

const HOW_TO_SET = `An option is a var in wrangler.toml or a secret (npx wrangler secret put NAME), and for \`npm run \
dev:worker\` a line NAME=VALUE in the file .dev.vars: see "On Deno and Workers" in README.md.`

/** What stands in for a site that lacks options: it says so to whoever asks [503], and once in the log. */
function unconfigured({ message }: ConfigError): Site {
  configureLogs(false)
  log.error('This Worker is not configured: {message}', { message })
  const detail = `This Worker is not configured.\n${message}\n${HOW_TO_SET}`
  const { contentType, body } = errorBody('text', 503, reasonPhrase(503), detail)
  const init = { status: 503, headers: { 'Content-Type': contentType } }
  const nothing = async () => undefined
  return { app: { fetch: () => new Response(body, init) }, upkeep: nothing, settled: nothing }
}

/** What is used of workerd's own class; its types would be known to every file. */
declare const FixedLengthStream: new (length: number) => TransformStream<Uint8Array, Uint8Array>

/** Bodies as streams of known length: from any other workerd takes the Content-Length away, and sends it chunked. */
function withLength(open: OpenBody): OpenBody {
  return async (manifest, range) => {
    const body = await open(manifest, range)
    if (!body?.stream) return body
    const { readable, writable } = new FixedLengthStream(range.length)
    // A failure reaches the reader through `readable`; one who leaves is no failure.
    body.stream.pipeTo(writable).catch(() => undefined)
    return { ...body, stream: readable }
  }
}

/** What is used of workerd's own. */
interface WorkerContext {
  waitUntil(work: Promise<void>): void
}

/** One site an isolate; its environment never changes. */
let opened: Site | null = null

function open(env: WorkerEnv): Site {
  try {
    return createSite(env)
  } catch (error) {
    if (error instanceof ConfigError) return unconfigured(error)
    throw error
  }
}

export default {
  async fetch(request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response> {
    opened ??= open(env)
    const response = await opened.app.fetch(request)
    // An import that takes longer goes on with the next upkeep.
    context.waitUntil(opened.settled())
    return response
  },

  async scheduled(_event: unknown, env: WorkerEnv): Promise<void> {
    opened ??= open(env)
    await opened.upkeep()
  },
}

function configureLogs(debug: boolean): void {
  configureSync({
    sinks: { console: getConsoleSink({ formatter: jsonLine }) },
    loggers: [
      { category: 'heliostat', lowestLevel: debug ? 'debug' : 'info', sinks: ['console'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['console'] },
    ],
    reset: true,
  })
}
