import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { Agent, buildConnector, type Dispatcher, request } from 'undici'
import { HeliostatError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import type { OutgoingOptions } from './outgoing.ts'

const CONNECT_MS = 10_000
/** https://fetch.spec.whatwg.org/#null-body-status */
const NO_BODY = [204, 205, 304]

type Answer = Dispatcher.ResponseData

/** `createOutgoing` by undici's `request`: its `fetch` would do as well, if a body that breaks off ended on Deno. */
export function createUndiciFetch(options: OutgoingOptions): Fetch {
  // The caller has deadlines of his own, and an upload takes as long as it takes.
  const limits = { headersTimeout: 0, bodyTimeout: 0 }
  const dispatcher = new Agent({ ...limits, connect: createConnector(options) })
  return async (url, { method = 'GET', headers, body = null, signal = null }) => {
    const sent = {
      method: method as Dispatcher.HttpMethod,
      signal,
      body: sendable(body),
      dispatcher,
    }
    try {
      const answer = await request(url, {
        ...sent,
        headers: Object.fromEntries(new Headers(headers)),
      })
      return responseOf(answer, method === 'HEAD')
    } catch (error) {
      if (error instanceof HeliostatError || signal?.aborted) throw error
      throw new TypeError('fetch failed', { cause: error })
    }
  }
}

function sendable(body: BodyInit | null): string | Uint8Array | Readable | null {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return body
  if (body instanceof ReadableStream) return Readable.from(body)
  throw new TypeError('Cannot send a body of this kind: wanted a text, bytes or a stream')
}

function responseOf({ statusCode, headers, body }: Answer, isHead: boolean): Response {
  // Whoever reads the body hears of it; otherwise nobody has to.
  body.on('error', () => undefined)
  try {
    const received = Object.entries(headers).flatMap(([name, value = []]) =>
      [value].flat().map((each): [string, string] => [name, each]),
    )
    const isEmpty = isHead || NO_BODY.includes(statusCode)
    if (isEmpty) body.resume()
    return new Response(isEmpty ? null : streamOf(body), { status: statusCode, headers: received })
  } catch (error) {
    body.destroy()
    throw error
  }
}

function streamOf(body: Answer['body']): ReadableStream<Uint8Array> {
  const parts: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await parts.next()
        if (done) controller.close()
        else controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.length))
      },
      cancel: () => void body.destroy(),
    },
    { highWaterMark: 0 },
  )
}

function createConnector(options: OutgoingOptions): buildConnector.connector {
  const { ca = null, insecure = false, filter = null } = options
  const resolve = options.resolve ?? ((host) => lookup(host, { all: true }))

  /** One that is refused is reason enough to connect to none. */
  async function checkedAddresses(host: string): Promise<LookupAddress[]> {
    const found = await resolve(host)
    for (const { address } of found) filter?.checkAddress(host, address)
    return found
  }

  /** An address that stands in the URL is not looked up. */
  async function checkLiteral(host: string): Promise<void> {
    if (isIP(host)) filter?.checkAddress(host, host)
  }

  const lookUp: LookupFunction = (host, { all }, callback) => {
    checkedAddresses(host).then(
      (found) => {
        const [first] = found
        if (all) callback(null, found)
        else callback(null, first?.address ?? '', first?.family)
      },
      (error: Error) => callback(error, ''),
    )
  }

  const connect = buildConnector({
    ...(ca === null ? {} : { ca }),
    rejectUnauthorized: !insecure,
    timeout: CONNECT_MS,
    lookup: lookUp,
  })
  return (target, callback) => {
    checkLiteral(target.hostname).then(
      () => connect(target, callback),
      (error: Error) => callback(error, null),
    )
  }
}
