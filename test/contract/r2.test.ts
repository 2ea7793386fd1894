import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { randomChunk, read } from '../support/chunks.ts'
import { chunkStoreContract } from './chunk-store.ts'
import { openOverHttp } from './remote.ts'

chunkStoreContract('R2', async () => {
  const miniflare = await startR2()
  return openOverHttp(await miniflare.ready, () => miniflare.dispose())
})

async function startR2(): Promise<Miniflare> {
  return new Miniflare({
    modules: true,
    script: await bundle(),
    compatibilityDate: '2026-04-01',
    r2Buckets: ['BUCKET'],
  })
}

describe('put of the R2 store', () => {
  it('replaces an object that is not the chunk', async () => {
    const miniflare = await startR2()
    const bucket = await miniflare.getR2Bucket('BUCKET')
    const { store, close } = openOverHttp(await miniflare.ready, () => miniflare.dispose())
    const chunk = randomChunk(1000)
    for (const damaged of [randomChunk(1000).bytes, new Uint8Array()]) {
      await bucket.put(`chunks/${chunk.digest}`, damaged)
      await store.put(chunk.digest, chunk.bytes)
      assert.deepEqual(await read(await store.get(chunk.digest)), chunk.bytes)
    }
    await close()
  })
})

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./r2-worker.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
