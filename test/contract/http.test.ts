import { randomUUID } from 'node:crypto'
import { createHttpStore } from '../../src/blobs/http-store.ts'
import { createAddressFilter } from '../../src/http/address-filter.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { startFileServer } from '../support/file-server.ts'
import { NO_RULES } from '../support/address-rules.ts'
import { objectStoreContract } from './object-store.ts'

objectStoreContract('HTTP', 'read-only', async () => {
  const server = await startFileServer()
  const filter = createAddressFilter({ ...NO_RULES, allowed_hosts: ['127.0.0.1'] })
  return {
    store: createHttpStore({ filter }, createOutgoing({ filter })),
    place: async (bytes) => server.put(bytes),
    absent: async () => `${server.url}/${randomUUID()}`,
    // It holds whatever has its scheme; the filter says which of that may be asked for.
    foreign: (url) => [`ftp${url.slice(4)}`, `x${url}`, url.replace('//', '/'), `file:${url}`],
    restart: async () => undefined,
    close: server.close,
  }
})
