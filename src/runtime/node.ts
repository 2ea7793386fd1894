import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Platform } from '../api/context.ts'
import { createApp } from '../app.ts'
import type { Config } from '../config.ts'
import { refuseAmbiguous } from './ambiguous-requests.ts'
import { createAnswers } from './answers.ts'
import { answerInBatches } from './batches.ts'
import { type Connections, trackConnections } from './connections.ts'
import { listeningError } from './listening.ts'
import { openLocalSite } from './local.ts'
import type { Peers } from './processes/calls.ts'
import { answerInTurn } from './pipelines.ts'
import { valuesOf } from './raw-headers.ts'
import { bodyStream } from './request-body.ts'
import { createSocketBodies, type SocketBodies } from './socket-bodies.ts'
import { continueWhenRead, endUnreadBody } from './unread-bodies.ts'
import { answerUnreadable } from './unreadable.ts'

/** Service catalogues in identity headers are long. */
const MAX_HEADER_BYTES = 64 * 1024
/** Longer than the idle time of the usual proxies and client pools, so that they close first. */
const KEEP_ALIVE_MS = 75_000
/** How long nothing at all may move on a connection, such as when a client takes nothing of its answer. */
const STILL_MS = 300_000
/** How long a connection may be silent before its peer is asked whether it is still there. */
const PROBE_AFTER_MS = 30_000
const SERVER_OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  keepAlive: true,
  keepAliveInitialDelay: PROBE_AFTER_MS,
}

export interface RunningServer {
  url: string
  /** Takes no new connections, lets running requests end within the configured time, then lets go of everything. */
  close(): Promise<void>
}

type NodeBindings = { incoming: IncomingMessage; outgoing: ServerResponse }

/** Serves on Node, alone or beside others. Resolves when requests are answered. */
export async function serveOnNode(
  config: Config,
  peers: Peers | null = null,
): Promise<RunningServer> {
  const bodies: SocketBodies[] = []
  const site = await openLocalSite(
    config,
    (chunks, walk) => {
      const opened = createSocketBodies(chunks, walk)
      bodies.push(opened)
      return opened.open
    },
    peers,
  )
  const app = createApp(site.services)
  const answers = createAnswers()
  const running = new Set<Promise<unknown>>()

  const listener = getRequestListener(
    async (request, bindings) => {
      // Node's HTTP/1 server is the only one that this listener is given to.
      const { incoming, outgoing } = bindings as NodeBindings
      const platform: Platform = {
        peerAddress: incoming.socket.remoteAddress ?? null,
        isRepeated: (header) => valuesOf(incoming, header).length > 1,
        openBody: () => bodyStream(incoming),
      }
      const response = await track(running, app.fetch(request, platform))
      endUnreadBody(incoming, outgoing)
      if (bodies.some((body) => body.send(response, outgoing))) return RESPONSE_ALREADY_SENT
      return answers.hold(response, platform.answerLength ?? 0, outgoing)
    },
    // Health checks by HTTP/1.0 name no host.
    { autoCleanupIncoming: false, hostname: 'localhost' },
  )
  const server = createServer(SERVER_OPTIONS)
  const answer = site.changes ? answerInBatches(listener, site.changes) : listener
  answerInTurn(server, refuseAmbiguous(answer))
  server.on('checkContinue', continueWhenRead)
  // Uploads may take hours; headers still have to arrive within a minute.
  server.requestTimeout = 0
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.timeout = STILL_MS
  const connections = trackConnections(server)
  answerUnreadable(server)

  const { bind_host, bind_port } = config.DEFAULT
  await listen(server, bind_host, bind_port).catch(async (error: unknown) => {
    await site.close()
    throw listeningError(error, config.DEFAULT)
  })
  return {
    url: urlOf(server, bind_host),
    async close() {
      site.services.feed.endWaits()
      await closeServer(server, connections, config.heliostat.shutdown_timeout * 1000)
      // Uploads that were cut off still have to take their images back to queued.
      await Promise.allSettled(running)
      await peers?.leave()
      await site.close()
    },
  }
}

async function track<T>(running: Set<Promise<unknown>>, answer: T | Promise<T>): Promise<T> {
  const promise = Promise.resolve(answer)
  running.add(promise)
  try {
    return await promise
  } finally {
    running.delete(promise)
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function urlOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function closeServer(
  server: Server,
  connections: Connections,
  timeout: number,
): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  connections.closeWhenIdle()
  const cut = setTimeout(() => server.closeAllConnections(), timeout)
  await closed
  clearTimeout(cut)
}
