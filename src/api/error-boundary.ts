import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'
import { errorFormat } from '../http/accept.ts'
import { errorBody, reasonPhrase, standardSentence } from '../http/error-body.ts'
import { traceOf } from '../reason.ts'
import type { RequestContext } from './context.ts'
import { respond } from './respond.ts'

/** Messages quote what a client has sent, which may be megabytes. */
const MAX_TOLD = 2000

const log = getLogger(['heliostat', 'error'])

/** Answers whatever a handler has thrown, in the form that the client can read. What really happened is logged only. */
export function answerError(error: Error, context: RequestContext): Response {
  const known = findKnown(error)
  const status = known?.status ?? 500
  if (known?.code !== 'not-implemented' && status >= 500) logFailure(error, context)
  const detail = (known?.message ?? standardSentence(500) ?? '').slice(0, MAX_TOLD)
  const format = errorFormat(context.req.header('Accept') ?? null)
  const { contentType, body } = errorBody(format, status, reasonPhrase(status), detail)
  return respond(context, body, status, { 'Content-Type': contentType, ...known?.headers })
}

/** No route: 404 for the methods that the service knows at all, 501 for the others. */
export function answerUnknownPath(context: RequestContext): Response {
  const { method } = context.req
  const known = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'].includes(method)
  const error = known
    ? new HeliostatError('not-found', standardSentence(404) ?? '')
    : new HeliostatError(
        'not-implemented',
        `The request method ${method} is not implemented for this server.`,
      )
  return answerError(error, context)
}

/** Drizzle wraps whatever a statement throws. */
function findKnown(error: unknown): HeliostatError | null {
  if (error instanceof HeliostatError) return error
  return error instanceof Error ? findKnown(error.cause) : null
}

function logFailure(error: Error, context: RequestContext): void {
  // The client went away: nobody is left to be told, and nothing is wrong here.
  if (context.req.raw.signal?.aborted) return
  log.error('{method} {path} failed: {stack}', {
    method: context.req.method,
    path: context.req.path,
    requestId: context.get('requestId') ?? null,
    stack: traceOf(error),
  })
}
