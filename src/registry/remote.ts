import { type Client, createClient } from '@libsql/client/web'

/** A libSQL server over HTTP, which every runtime can reach. */
export function openRemote(url: string, authToken: string | null): Client {
  return createClient({ url, ...(authToken === null ? {} : { authToken }) })
}
