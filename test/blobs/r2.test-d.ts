/** Checked by tsc alone: our copy of what is used of R2 stays true to Cloudflare's types. */
import type { R2Bucket } from '@cloudflare/workers-types'
import type { ChunkBucket } from '../../src/blobs/r2.ts'

declare const bucket: R2Bucket
bucket satisfies Omit<ChunkBucket, 'get'>
