/** What the exchanges of the wire suite are made of: a client of the service, and what is asserted of many an answer. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { sendRaw, type RawResponse, type RawRequest } from '../../support/http.ts'
import { OCTETS } from '../../support/images.ts'

export type Wire = ReturnType<typeof createWire>

export const MIB = 1024 * 1024

export function createWire(url: (path: string) => string) {
  /** A request by fetch, whose Accept is that of python-glanceclient: anything. */
  function send(method: string, path: string, init: Omit<RequestInit, 'method'> = {}) {
    return fetch(url(path), { method, redirect: 'manual', ...init })
  }

  async function json(path: string, accept = 'application/json') {
    const response = await send('GET', path, { headers: { Accept: accept } })
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    return JSON.parse(await response.text())
  }

  async function create(attributes: object = {}) {
    const response = await send('POST', '/v2/images', { body: JSON.stringify(attributes) })
    const text = await response.text()
    assert.equal(response.status, 201, text)
    return JSON.parse(text)
  }

  function upload(id: string, body: string | Uint8Array<ArrayBuffer>, headers = {}) {
    return send('PUT', `/v2/images/${id}/file`, { headers: { ...OCTETS, ...headers }, body })
  }

  function patch(id: string, version: 'v2.0' | 'v2.1', operations: object[]) {
    return send('PATCH', `/v2/images/${id}`, {
      headers: { 'Content-Type': `application/openstack-images-${version}-json-patch` },
      body: JSON.stringify(operations),
    })
  }

  return {
    url,
    send,
    json,
    create,
    upload,
    patch,
    raw: (path: string, request: RawRequest): Promise<RawResponse> => sendRaw(url(path), request),
    show: (id: string) => json(`/v2/images/${id}`),
    post: (body: string) => send('POST', '/v2/images', { body }),
    download: (id: string, headers = {}) => send('GET', `/v2/images/${id}/file`, { headers }),
  }
}

/** An answer without a body, fully read so that its connection is free again. */
export async function assertEmpty(response: Response, status: number): Promise<void> {
  assert.equal(await response.text(), '')
  assert.equal(response.status, status)
}

export async function assertRefused(
  response: Response,
  status: number,
  reason: RegExp,
): Promise<void> {
  const text = await response.text()
  assert.match(text, reason)
  assert.equal(response.status, status)
}

export function digestOf(algorithm: string, data: string | Uint8Array): string {
  return createHash(algorithm).update(data).digest('hex')
}

/** Of a length that fits into nothing. */
export function* piecesOf(data: Buffer): Generator<Buffer> {
  const length = 300_007
  for (let at = 0; at < data.length; at += length) yield data.subarray(at, at + length)
}
