import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSwiftStore } from '../../src/blobs/swift/store.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { findDeno } from '../support/deno.ts'
import { startSwiftServer } from '../support/swift-server.ts'
import { chunkStoreContract, type OpenedStore } from './chunk-store.ts'
import { OPTIONS } from './over-http.ts'
import { openOverHttp } from './remote.ts'
import { type Served, serveOnDeno, serveOnWorkerd } from './runtimes.ts'

/** No number of chunks that a test could store makes two pages of Swift's. */
const FEW = 100
const WORKER = fileURLToPath(new URL('./swift-worker.ts', import.meta.url))

chunkStoreContract(
  'Swift, on Node',
  async () => {
    const server = await startSwiftServer()
    return { store: createSwiftStore(server.options('3'), createOutgoing({})), close: server.close }
  },
  FEW,
)

chunkStoreContract('Swift, on workerd', async () => openBehind(await serveOnWorkerd(WORKER)), FEW)

const deno = findDeno()
if (deno === null) {
  describe('Swift, on Deno', () => it('works', { skip: 'npm has no Deno for this platform' }))
} else {
  const serve = async () => openBehind(await serveOnDeno(deno, WORKER))
  chunkStoreContract('Swift, on Deno', serve, FEW)
}

/** A server of its own, which forgets its tokens once, refuses some requests and cuts some bodies. */
async function openBehind({ url, stop }: Served): Promise<OpenedStore> {
  const server = await startSwiftServer()
  const touched = new Set<string>()
  server.trouble = (request) => {
    if (touched.has(request) || !/chunks\/[0-3]/.test(request)) return null
    if (touched.size === 10) server.tokens.clear()
    touched.add(request)
    if (/chunks\/1/.test(request) && request.startsWith('GET')) return { cut: 100 }
    return /chunks\/2/.test(request) ? { status: 503 } : null
  }
  const close = async () => {
    await stop()
    await server.close()
  }
  return openOverHttp(url, close, { [OPTIONS]: JSON.stringify(server.options('3')) })
}
