import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import type { ChunkStore, OwnedStore, StoredChunk } from '../../src/blobs/store.ts'
import { randomChunk, read } from '../support/chunks.ts'
import { chunkStoreContract, type OpenedStore } from './chunk-store.ts'

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

/** The store behind r2-worker.ts. */
function openOverHttp(url: URL, close: () => Promise<void>): OpenedStore {
  async function call(
    name: keyof (ChunkStore & OwnedStore),
    query: Record<string, string>,
    body?: Uint8Array,
  ): Promise<Response> {
    const target = new URL(`${name}?${new URLSearchParams(query)}`, url)
    // workerd ends a connection that rests, on a busy machine just when the next question is sent on it.
    const headers = { Connection: 'close' }
    const response = await fetch(target, { method: 'POST', headers, body: body?.slice() ?? null })
    if (response.status === 500) throw await thrownBy(response)
    return response
  }

  const store: ChunkStore & OwnedStore = {
    async get(digest, span) {
      const bounds = span && { offset: `${span.offset}`, length: `${span.length}` }
      const { status, body } = await call('get', { digest, ...bounds })
      if (status === 404) return null
      return body ?? new Blob().stream()
    },
    async put(digest, bytes) {
      await done(call('put', { digest }, bytes))
    },
    async delete(digest) {
      await done(call('delete', { digest }))
    },
    async *list(after) {
      const response = await call('list', after === undefined ? {} : { after })
      const chunks: StoredChunk[] = JSON.parse(await response.text())
      yield* chunks
    },
    async owner() {
      return JSON.parse(await (await call('owner', {})).text())
    },
    async setOwner(id) {
      await done(call('setOwner', { id }))
    },
  }
  return { store, close }
}

/** An answer that nobody reads keeps its connection, and there are a thousand puts. */
async function done(answer: Promise<Response>): Promise<void> {
  await (await answer).arrayBuffer()
}

async function thrownBy(response: Response): Promise<Error> {
  const { name, message } = JSON.parse(await response.text())
  return name === 'TypeError' ? new TypeError(message) : new Error(message)
}
