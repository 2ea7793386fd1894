import { configureSync, getConsoleSink } from '@logtape/logtape'
import { createApp } from '../app.ts'
import { createBodyOpener, type OpenBody } from '../blobs/body.ts'
import { createChunkBuffers } from '../blobs/chunk-buffers.ts'
import { inlineDigester } from '../blobs/digest.ts'
import { type ChunkBucket, createR2Store } from '../blobs/r2.ts'
import { type Config, fromEnvironment, loadConfig } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { createManifests } from '../inventory/manifests.ts'
import { createStoreOwner } from '../inventory/store-owner.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import { openRegistry } from '../registry/database.ts'
import { openRemote } from '../registry/remote.ts'
import { connectionOf } from './connection.ts'
import { jsonLine } from './json-log.ts'
import { createServices, type SiteServices } from './services.ts'
import { runUpkeep } from './upkeep.ts'

/** Bindings, and the configuration as vars and secrets named `HELIOSTAT_…`. */
interface WorkerEnv extends Record<string, unknown> {
  BLOBS: ChunkBucket
}

interface Site {
  services: SiteServices
  app: { fetch(request: Request): Response | Promise<Response> }
}

function createSite(env: WorkerEnv): Site {
  const { config } = loadConfig(fromEnvironment(env))
  configureLogs(config.DEFAULT.debug)
  const connection = connectionOf(config)
  if (connection.kind === 'file') {
    throw new ConfigError('[database] connection: a Worker has no files, wanted libsql://HOST')
  }
  if (config.paste_deploy.flavor === 'trusted') {
    throw new ConfigError('[paste_deploy] flavor: a Worker cannot tell who set identity headers')
  }
  if (config.paste_deploy.flavor === '' && !config.heliostat.allow_unauthenticated) {
    throw new ConfigError(
      '[paste_deploy] flavor: a Worker is open to the world, wanted keystone or token',
    )
  }
  refuseUnusable(config)
  const store = createR2Store(env.BLOBS)
  const registry = openRegistry(openRemote(connection.url, connection.authToken))
  const feed = createFeed(registry)
  const services = createServices({
    config,
    registry,
    feed,
    store,
    owner: createStoreOwner({ registry, store, id: feed.siteId, isEdge: false }),
    unfinished: null,
    room: null,
    manifests: createManifests(registry),
    digester: inlineDigester,
    buffers: createChunkBuffers({ ...inlineDigester, spool: null }),
    openBody: withLength(createBodyOpener(store)),
    cache: null,
    tokens: '',
    isDisabled: async () => false,
    damage: () => null,
    health: null,
    count: null,
  })
  return { services, app: createApp(services) }
}

function refuseUnusable({ DEFAULT, heliostat, mirror, oslo_policy }: Config): void {
  const { property_protection_file } = DEFAULT
  const given = {
    '[DEFAULT] property_protection_file: a Worker has no files': property_protection_file,
    '[heliostat] token_file: a Worker has no files, tokens may stand in [heliostat] tokens':
      heliostat.token_file,
    '[oslo_policy] policy_file: a Worker has no files': oslo_policy.policy_file,
    '[mirror] upstream: a Worker cannot follow another site': mirror.upstream[0] ?? null,
  }
  const mistakes = Object.entries(given).filter(([, value]) => value !== null)
  if (mistakes.length > 0) throw new ConfigError(mistakes.map(([mistake]) => mistake).join('\n'))
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

/** One site an isolate; its environment never changes. */
let site: Site | null = null

export default {
  fetch(request: Request, env: WorkerEnv): Response | Promise<Response> {
    site ??= createSite(env)
    return site.app.fetch(request)
  },

  async scheduled(_event: unknown, env: WorkerEnv): Promise<void> {
    site ??= createSite(env)
    await runUpkeep(site.services)
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
