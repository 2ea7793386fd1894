import { type ChunkBucket, createR2Store } from '../../src/blobs/r2.ts'
import { answer } from './over-http.ts'

const worker = {
  fetch: (request: Request, env: { BUCKET: ChunkBucket }) =>
    answer(createR2Store(env.BUCKET), request),
}

export default worker
