import { Buffer } from 'node:buffer'
import type { RequestContext } from './context.ts'

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null

/**
 * An answer with the id of its request. Its headers stay the plain object that they are for as long as nobody asks for
 * them, and the length of a text or of bytes is told, to the client, the log and the runtime.
 */
export function respond(
  context: RequestContext,
  body: Body,
  status = 200,
  headers: Record<string, string> = {},
): Response {
  const length = lengthOf(body)
  const id: string | undefined = context.get('requestId')
  // A runtime that gives no env, such as Workers, has it undefined.
  if (length !== null && context.env) context.env.answerLength = length
  const all = { ...headers }
  if (length !== null) all['Content-Length'] = String(length)
  if (id !== undefined) all['X-Openstack-Request-Id'] = id
  return new Response(body, { status, headers: all })
}

function lengthOf(body: Body): number | null {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.length : null
}
