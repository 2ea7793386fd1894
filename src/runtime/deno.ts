import { createApp } from '../app.ts'
import type { Config } from '../config.ts'
import { openLocalSite } from './local.ts'
import type { RunningServer } from './node.ts'

/** What is used of Deno; its own types would make `Deno` known to every file. */
interface DenoRuntime {
  serve(
    options: { hostname: string; port: number; onListen(address: { port: number }): void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => unknown,
  ): { addr: { port: number }; shutdown(): Promise<void> }
}

/** Serves on Deno, by Deno's own server. */
export async function serveOnDeno(config: Config, runtime: DenoRuntime): Promise<RunningServer> {
  const site = await openLocalSite(config)
  const app = createApp(site.services)
  const { bind_host, bind_port } = config.DEFAULT
  const server = runtime.serve(
    { hostname: bind_host, port: bind_port, onListen: () => undefined },
    (request, info) => app.fetch(request, { peerAddress: info.remoteAddr.hostname }),
  )
  return {
    url: `http://${bind_host}:${server.addr.port}`,
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

/** The runtime itself where this runs on Deno, else null. */
export function denoRuntime(): DenoRuntime | null {
  const { Deno } = globalThis as { Deno?: DenoRuntime }
  return Deno ?? null
}
