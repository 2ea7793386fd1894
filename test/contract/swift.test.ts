import { createSwiftStore } from '../../src/blobs/swift/store.ts'
import { startSwiftServer } from '../support/swift-server.ts'
import { chunkStoreContract } from './chunk-store.ts'

chunkStoreContract('Swift', async () => {
  const server = await startSwiftServer()
  return { store: createSwiftStore(server.options('3'), fetch), close: server.close }
})
