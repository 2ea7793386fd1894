import { getLogger, type LogRecord } from '@logtape/logtape'
import { createMiddleware } from 'hono/factory'
import { urlPath } from '../http/url-path.ts'
import type { Env, RequestContext } from './context.ts'

const log = getLogger(['heliostat', 'access'])

/** One line a request, after its body has gone out. Neither headers nor the query are in it: they may hold secrets. */
export const accessLog = createMiddleware<Env>(async function accessLogMiddleware(context, next) {
  const startedAt = performance.now()
  let isLate = false

  function write(bytes: number): void {
    const caller = context.get('caller')
    log.emit(
      record({
        method: context.req.method,
        path: urlPath(context.req.url),
        status: context.res.status,
        bytes,
        milliseconds: Math.round(performance.now() - startedAt),
        requestId: context.get('requestId') ?? null,
        user: caller?.userId ?? null,
        project: caller?.projectId ?? null,
        peer: context.env?.peerAddress ?? null,
      }),
    )
  }

  // A download is logged late, when its body has been sent or broken off: only then are its bytes and its time known.
  context.set('logWhenSent', (sent) => {
    isLate = true
    void sent.then(write)
  })
  await next()
  const hasBody = context.req.method !== 'HEAD'
  if (!isLate) write(hasBody ? lengthOf(context) : 0)
})

interface Line {
  method: string
  path: string
  status: number
  bytes: number
  milliseconds: number
  requestId: string | null
  user: string | null
  project: string | null
  peer: string | null
}

/** What `log.info` makes of the template and its properties, without reading the template anew for each request. */
function record(line: Line): LogRecord {
  const { method, path, status, bytes, milliseconds } = line
  return {
    category: log.category,
    level: 'info',
    timestamp: Date.now(),
    // Texts and values in turns.
    message: ['', method, ' ', path, ' ', status, ' ', bytes, ' B ', milliseconds, ' ms'],
    rawMessage: '{method} {path} {status} {bytes} B {milliseconds} ms',
    properties: { ...line },
  }
}

/** Looked for in the headers only where it is not known otherwise: from a plain object they are made for that. */
function lengthOf(context: RequestContext): number {
  return context.env?.answerLength ?? Number(context.res.headers.get('Content-Length') ?? 0)
}
