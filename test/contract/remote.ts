import type { ChunkStore, OwnedStore, StoredChunk } from '../../src/blobs/store.ts'
import type { OpenedStore } from './chunk-store.ts'

/** A store that another runtime has behind `answer` of over-http.ts, with headers that each question has. */
export function openOverHttp(
  url: URL,
  close: () => Promise<void>,
  more: Record<string, string> = {},
): OpenedStore {
  async function call(
    name: keyof (ChunkStore & OwnedStore),
    query: Record<string, string>,
    body?: Uint8Array,
  ): Promise<Response> {
    const target = new URL(`${name}?${new URLSearchParams(query)}`, url)
    // workerd ends a connection that rests, on a busy machine just when the next question is sent on it.
    const headers = { Connection: 'close', ...more }
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
