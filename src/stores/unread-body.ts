import type { Span } from '../blobs/store.ts'
import type { Stores } from './store.ts'

/** Opens an object as it is, whose bytes nobody has read yet, from the first of the copies that answers; null where all are gone. */
export async function openUnread(
  stores: Pick<Stores, 'find'>,
  locations: readonly { store: string; url: string | null }[],
  span: Span,
): Promise<ReadableStream<Uint8Array> | null> {
  let failure: unknown = null
  for (const { store, url } of locations) {
    if (url === null) continue
    try {
      const body = await stores.find(store)?.objects?.get(url, span)
      if (body) return body
    } catch (error) {
      failure = error
    }
  }
  if (failure !== null) throw failure
  return null
}
