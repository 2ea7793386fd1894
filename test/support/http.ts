import { request } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

export interface RawRequest {
  method: string
  headers?: Record<string, string>
  /** Pieces are sent chunked, unless the headers have a Content-Length. */
  body?: Iterable<Uint8Array>
}

export interface RawResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** A request with these headers and no others, for what fetch adds, forbids or computes. */
export async function sendRaw(
  url: string,
  { method, headers = {}, body = [] }: RawRequest,
): Promise<RawResponse> {
  const outgoing = request(url, { method, headers, agent: false })
  const answered = new Promise<RawResponse>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const { statusCode: status = 0, headers: received } = incoming
      buffer(incoming).then((bytes) => resolve({ status, headers: received, body: bytes }), reject)
    })
  })
  await Promise.all([pipeline(Readable.from(body), outgoing), answered])
  return answered
}
