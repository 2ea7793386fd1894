import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createS3Store } from '../../src/blobs/s3/store.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { findDeno } from '../support/deno.ts'
import { sendError, startS3Server } from '../support/s3-server.ts'
import { chunkStoreContract, type OpenedStore } from './chunk-store.ts'
import { OPTIONS } from './over-http.ts'
import { openOverHttp } from './remote.ts'
import { type Served, serveOnDeno, serveOnWorkerd } from './runtimes.ts'

/** Going on after a page is the same everywhere. */
const FEW = 100
const WORKER = fileURLToPath(new URL('./s3-worker.ts', import.meta.url))

chunkStoreContract('S3, on Node', async () => {
  const server = await startS3Server()
  return {
    store: createS3Store(server.options, createOutgoing({})),
    close: async () => server.close(),
  }
})

chunkStoreContract('S3, on workerd', async () => openBehind(await serveOnWorkerd(WORKER)), FEW)

const deno = findDeno()
if (deno === null) {
  describe('S3, on Deno', () => it('works', { skip: 'npm has no Deno for this platform' }))
} else {
  chunkStoreContract('S3, on Deno', async () => openBehind(await serveOnDeno(deno, WORKER)), FEW)
}

/** A store of the adapter that is behind a URL, in a server of its own, which refuses some requests at first. */
async function openBehind({ url, stop }: Served): Promise<OpenedStore> {
  const server = await startS3Server()
  const refused = new Set<string>()
  server.trouble = (outgoing, { method, path, query }) => {
    const request = `${method} ${path} ${query}`
    if (refused.has(request) || !/owner|chunks\/0/.test(request)) return false
    refused.add(request)
    return sendError(outgoing, 503, 'SlowDown')
  }
  const close = async () => {
    await stop()
    server.close()
  }
  return openOverHttp(url, close, { [OPTIONS]: JSON.stringify(server.options) })
}
