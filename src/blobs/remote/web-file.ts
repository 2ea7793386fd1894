import type { Fetch } from '../../http/fetch.ts'
import { ask } from './attempts.ts'
import type { Patience } from './patience.ts'
import type { RemoteFile } from './ranged-get.ts'

/** The file behind a URL. `fetch` refuses what may not be reached. */
export function webFile(url: string, fetch: Fetch, patience: Patience): RemoteFile {
  // A query may be a signature, and before an @ there may be a password.
  const name = url.replace(/[?#][^]*/, '').replace(/\/\/[^]*@/, '//')
  return {
    name,
    patience,
    send: (method, headers, signal) =>
      ask(name, patience, (stop) => fetch(url, { method, headers, signal: stop }), { signal }),
  }
}
