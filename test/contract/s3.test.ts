import { createS3Store } from '../../src/blobs/s3/store.ts'
import { startS3Server } from '../support/s3-server.ts'
import { chunkStoreContract } from './chunk-store.ts'

chunkStoreContract('S3', async () => {
  const server = await startS3Server()
  return { store: createS3Store(server.options, fetch), close: async () => server.close() }
})
