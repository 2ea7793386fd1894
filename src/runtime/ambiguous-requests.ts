import type { IncomingMessage, RequestListener } from 'node:http'
import { errorBody, reasonPhrase } from '../http/error-body.ts'
import { valuesOf } from './raw-headers.ts'

const HOST = /^(\[[\da-f:.]+\]|[\w.~-]+)(:\d+)?$/i
const AUTHORITY = /^https?:\/\/([^/?#]*)/

/**
 * Refuses [400] what a proxy in front may have understood in another way, beyond what Node's parser refuses by itself:
 * none is done by halves, and the connection is closed.
 */
export function refuseAmbiguous(listener: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    const mistake = mistakeIn(incoming)
    if (mistake === null) return listener(incoming, outgoing)
    const { headers, body } = refusal(mistake)
    outgoing.writeHead(400, headers).end(body)
  }
}

function mistakeIn(incoming: IncomingMessage): string | null {
  const hosts = valuesOf(incoming, 'Host')
  const mistake = mistakeInHosts(hosts) ?? mistakeInUrl(incoming.url ?? '')
  if (mistake !== null) return mistake
  // https://www.rfc-editor.org/rfc/rfc9112#section-6.1
  const isOld = incoming.httpVersion === '1.0' && 'transfer-encoding' in incoming.headers
  return isOld ? 'Transfer-Encoding in HTTP/1.0, wanted Content-Length' : null
}

/** None is fine: health checks by HTTP/1.0 have none. https://www.rfc-editor.org/rfc/rfc9112#section-3.2 */
export function mistakeInHosts(hosts: string[]): string | null {
  return hosts.length < 2 && hosts.every(isHost) ? null : 'wanted one Host header, with a host'
}

/** Of a URL in the place of a path the host counts, whatever the header says. */
export function mistakeInUrl(url: string): string | null {
  const [, authority] = AUTHORITY.exec(url) ?? []
  if (url.startsWith('/') || (authority !== undefined && isHost(authority))) return null
  return 'wanted a path, or an http URL with a host'
}

/** The last one that was fine, which most clients name. */
let knownHost = ''

function isHost(value: string): boolean {
  if (value === knownHost) return true
  const isFine = HOST.test(value) && URL.canParse(`http://${value}`)
  if (isFine) knownHost = value
  return isFine
}

/** What is answered then, with 400. */
export interface Refusal {
  headers: Record<string, string>
  body: string
}

export function refusal(mistake: string): Refusal {
  const detail = `The request is ambiguous: ${mistake}`
  const { contentType, body } = errorBody('text', 400, reasonPhrase(400), detail)
  const length = String(Buffer.byteLength(body))
  const headers = { 'Content-Type': contentType, 'Content-Length': length, Connection: 'close' }
  return { headers, body }
}
