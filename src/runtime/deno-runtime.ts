/** What is used of Deno; its own types would make `Deno` known to every file. */
export interface DenoRuntime {
  serve(
    options: { hostname: string; port: number; onListen(address: { port: number }): void },
    handler: Handler,
  ): DenoServer
}

export type Handler = (request: Request, info: { remoteAddr: { hostname: string } }) => unknown

export interface DenoServer {
  addr: { port: number }
  shutdown(): Promise<void>
}

/** The runtime itself where this runs on Deno, else null. */
export function denoRuntime(): DenoRuntime | null {
  const { Deno } = globalThis as { Deno?: DenoRuntime }
  return Deno ?? null
}
