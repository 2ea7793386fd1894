import type { LookupAddress } from 'node:dns'
import type { AddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'

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

/**
 * A `fetch` with connections of its own, for Node and Deno. It follows no redirects and decodes no body. It sends
 * texts, bytes and streams, these with the `Content-Length` that it is given. What it is made of is loaded with the
 * first request, which most sites never make.
 */
export function createOutgoing(options: OutgoingOptions): Fetch {
  let opening: Promise<Fetch> | null = null
  return async (url, init) => {
    opening ??= import('./undici-fetch.ts').then((loaded) => loaded.createUndiciFetch(options))
    return (await opening)(url, init)
  }
}
