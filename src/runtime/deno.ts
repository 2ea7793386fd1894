import { createApp } from '../app.ts'
import type { Config } from '../config.ts'
import { mistakeInHosts, mistakeInUrl, refusal } from './ambiguous-requests.ts'
import type { DenoRuntime, DenoServer, Handler } from './deno-runtime.ts'
import { listeningError } from './listening.ts'
import { openLocalSite } from './local.ts'
import type { RunningServer } from './node.ts'

/** Serves on Deno, by Deno's own server. */
export async function serveOnDeno(config: Config, runtime: DenoRuntime): Promise<RunningServer> {
  const site = await openLocalSite(config)
  const app = createApp(site.services)
  const server = listen(config, runtime, (request, info) => {
    const mistake = mistakeIn(request)
    if (mistake !== null) return refuse(mistake)
    const isRepeated = (header: string) => mayBeJoined(request.headers.get(header))
    return app.fetch(request, { peerAddress: info.remoteAddr.hostname, isRepeated })
  })
  return {
    url: `http://${config.DEFAULT.bind_host}:${server.addr.port}`,
    async close() {
      site.services.feed.endWaits()
      const limit = new Promise((resolve) =>
        setTimeout(resolve, config.heliostat.shutdown_timeout * 1000),
      )
      await Promise.race([server.shutdown(), limit])
      await site.close()
    },
  }
}

function listen({ DEFAULT }: Config, runtime: DenoRuntime, handler: Handler): DenoServer {
  const { bind_host: hostname, bind_port: port } = DEFAULT
  try {
    return runtime.serve({ hostname, port, onListen: () => undefined }, handler)
  } catch (error) {
    throw listeningError(error, DEFAULT)
  }
}

/** Deno does not tell two headers from a list: it joins them by a comma and a blank. */
function mayBeJoined(value: string | null): boolean {
  return value !== null && value.includes(', ')
}

function mistakeIn({ headers, url }: Request): string | null {
  const host = headers.get('Host')
  return mistakeInHosts(host === null ? [] : [host]) ?? mistakeInUrl(url)
}

function refuse(mistake: string): Response {
  const { headers, body } = refusal(mistake)
  return new Response(body, { status: 400, headers })
}
