/** The port over HTTP, so that the contract, which runs on Node, reaches an adapter on another runtime. */
import type { ChunkStore, OwnedStore, StoredChunk } from '../../src/blobs/store.ts'
import type { Fetch } from '../../src/http/fetch.ts'

/** The header of each question that has the options of the store, as JSON, where an adapter needs them. */
export const OPTIONS = 'Store-Options'

/** On the side of the adapter. What it throws is told [500]. */
export async function answer(store: ChunkStore & OwnedStore, request: Request): Promise<Response> {
  try {
    return await call(store, request)
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    return Response.json({ name, message }, { status: 500 })
  }
}

/** A handler for adapters that are made of the options in each question; one store serves all that have the same. */
export function handlerFor<Options>(
  create: (options: Options, fetch: Fetch) => ChunkStore & OwnedStore,
) {
  const stores = new Map<string, ChunkStore & OwnedStore>()
  return {
    fetch(request: Request): Promise<Response> {
      const options = request.headers.get(OPTIONS) ?? ''
      const store =
        stores.get(options) ?? create(JSON.parse(options), (url, init) => fetch(url, init))
      stores.set(options, store)
      return answer(store, request)
    },
  }
}

async function call(store: ChunkStore & OwnedStore, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  const digest = searchParams.get('digest') ?? ''
  switch (pathname) {
    case '/get': {
      const body = await store.get(digest, spanOf(searchParams))
      return new Response(body, { status: body ? 200 : 404 })
    }
    case '/put':
      await store.put(digest, insideLargerBuffer(await request.arrayBuffer()))
      return new Response()
    case '/delete':
      await store.delete(digest)
      return new Response()
    case '/list':
      return Response.json(await gather(store.list(searchParams.get('after') ?? undefined)))
    case '/owner':
      return Response.json(await store.owner())
    case '/setOwner':
      await store.setOwner(searchParams.get('id') ?? '')
      return new Response()
    default:
      throw new Error(`No such call: "${pathname}"`)
  }
}

async function gather(listed: AsyncIterable<StoredChunk>): Promise<StoredChunk[]> {
  const chunks: StoredChunk[] = []
  for await (const chunk of listed) chunks.push(chunk)
  return chunks
}

function spanOf(params: URLSearchParams) {
  if (!params.has('offset')) return undefined
  return { offset: Number(params.get('offset')), length: Number(params.get('length')) }
}

/** As an upload gives the last chunk of a body: a part of a buffer. */
function insideLargerBuffer(bytes: ArrayBuffer): Uint8Array {
  const buffer = new Uint8Array(bytes.byteLength + 8).fill(0xff)
  buffer.set(new Uint8Array(bytes), 4)
  return buffer.subarray(4, 4 + bytes.byteLength)
}
