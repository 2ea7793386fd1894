import type { Context, Hono } from 'hono'
import type { Caller } from '../identity/caller.ts'

/** The facts of a runtime that reach a handler. */
export interface Platform {
  /** The address of the connection's other end. */
  peerAddress?: string | null
  /** Whether a header came more than once: `Headers` joins such. */
  isRepeated?: (header: string) => boolean
  /** Opens the body of the request, where the runtime has a better way than `Request`. To be called once. */
  openBody?: () => ReadableStream<Uint8Array>
  /** Bytes of the answer, where it lies in memory as a whole: for the log, and for the runtime to read when it is there. */
  answerLength?: number
}

interface Variables {
  caller: Caller
  requestId: string
  /** Has the request logged when its body has gone out (`sent`, with its bytes) instead of when its handler returns. */
  logWhenSent: (sent: Promise<number>) => void
}

export interface Env {
  Bindings: Platform
  Variables: Variables
}

export type App = Hono<Env>
export type RequestContext<Path extends string = string> = Context<Env, Path>
