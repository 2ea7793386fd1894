import type { RequestContext } from './context.ts'
import { respond } from './respond.ts'

interface JsonOptions {
  status?: 200 | 201 | 300 | 503
  headers?: Record<string, string>
}

/** Answers with JSON of a length that is known. */
export function json(context: RequestContext, value: unknown, options?: JsonOptions): Response {
  return jsonText(context, JSON.stringify(value), options)
}

/** The same for a value that is a text already. */
export function jsonText(
  context: RequestContext,
  text: string,
  { status = 200, headers = {} }: JsonOptions = {},
): Response {
  return respond(context, text, status, { 'Content-Type': 'application/json', ...headers })
}
