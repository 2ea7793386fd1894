import type { AddressFilter } from '../http/address-filter.ts'
import type { Fetch } from '../http/fetch.ts'
import { createFilteredFetch } from '../http/filtered-fetch.ts'
import type { ObjectStore } from './object-store.ts'
import { FILE_PATIENCE } from './remote/attempts.ts'
import type { Patience } from './remote/patience.ts'
import { getRange, type RemoteFile, sizeOf } from './remote/ranged-get.ts'
import { webFile } from './remote/web-file.ts'

export interface HttpStoreOptions {
  /** What every URL and redirect has to pass; where it does not, `size` and `get` are refused [invalid]. */
  filter: Pick<AddressFilter, 'check'>
  patience?: Patience
}

/**
 * Files behind any URL of http or https, which are only read. `fetch` has the certificates of the options
 * `https_insecure` and `https_ca_certificates_file`, and refuses the addresses that names resolve to.
 */
export function createHttpStore(options: HttpStoreOptions, fetch: Fetch): ObjectStore {
  const { filter, patience = FILE_PATIENCE } = options
  const filtered = createFilteredFetch(fetch, filter)

  function fileAt(url: string): RemoteFile {
    if (!holds(url)) throw new TypeError('Not a URL of http or https')
    return webFile(url, filtered, patience)
  }

  return {
    holds,
    size: async (url) => sizeOf(fileAt(url)),
    get: async (url, span) => getRange(fileAt(url), span),
    delete: null,
    writing: null,
  }
}

function holds(url: string): boolean {
  return /^https?:\/\/[^/\s]/i.test(url)
}
