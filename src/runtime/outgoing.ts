import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, fetch } from 'undici'
import { HeliostatError } from '../errors.ts'
import type { AddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'

const CONNECT_MS = 10_000

export interface OutgoingOptions {
  /** Certificates of authorities (PEM) that are believed instead of those of the system. */
  ca?: string | null
  /** Believes any certificate. */
  insecure?: boolean
  /** Refuses addresses once the name is resolved: the connection is made to the very address that was checked. */
  filter?: Pick<AddressFilter, 'checkAddress'> | null
  /** All addresses of a name; those that the system knows unless it is given. */
  resolve?: (host: string) => Promise<LookupAddress[]>
}

/** The same shapes as those of the platform, which TypeScript knows by other types. */
const send = fetch as unknown as (
  url: string,
  init: RequestInit & { dispatcher: Agent },
) => Promise<Response>

/**
 * A `fetch` with connections of its own, for Node and Deno. It follows no redirects, and a stream is sent with the
 * `Content-Length` that it is given, which the `fetch` of Deno drops.
 */
export function createOutgoing(options: OutgoingOptions): Fetch {
  const dispatcher = new Agent({ connect: createConnector(options) })
  return async (url, init) => {
    try {
      return await send(url, { ...init, redirect: 'manual', dispatcher })
    } catch (error) {
      // What `fetch` fails with says only in its cause that it was a refusal.
      if (error instanceof TypeError && error.cause instanceof HeliostatError) throw error.cause
      throw error
    }
  }
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
