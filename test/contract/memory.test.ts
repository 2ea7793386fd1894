import { createMemoryStore } from '../../src/blobs/memory.ts'
import { chunkStoreContract } from './chunk-store.ts'

chunkStoreContract('memory', async () => ({
  store: createMemoryStore(),
  close: async () => undefined,
}))
