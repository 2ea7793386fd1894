import { Buffer } from 'node:buffer'
import type { RequestContext } from './context.ts'

type Status = 200 | 201 | 300 | 503

interface JsonOptions {
  status?: Status
  headers?: Record<string, string>
}

/** Answers with JSON of a length that is known, for the client and for the log. */
export function json(
  context: RequestContext,
  value: unknown,
  { status = 200, headers = {} }: JsonOptions = {},
): Response {
  const body = JSON.stringify(value)
  return context.body(body, status, {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  })
}
