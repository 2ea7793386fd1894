import { HeliostatError } from '../errors.ts'
import type { Store } from './store.ts'

/** The bytes of one image on their way into one store. */
export interface Sink {
  /** Stores a chunk; a null digest stands for zeros, which no store is given. Several may be under way at once. */
  put(position: number, digest: string | null, bytes: Uint8Array): Promise<void>
  /** Resolves when all is durable that was put. */
  finish(size: number): Promise<void>
  /** Leaves no object behind; chunks are the sweeper's. */
  abort(): Promise<void>
}

export interface SinkOptions {
  /** The URL that `urlFor` has told; null for chunks. */
  url: string | null
  /** Bytes; null where they are not known. */
  size: number | null
  chunkSize: number
}

/** The URL of an image's object in a store; null where its chunks are stored. Throws where nothing may be written [gone]. */
export async function urlFor(store: Store, imageId: string): Promise<string | null> {
  if (store.chunks) return null
  if (!store.objects?.writing) {
    throw new HeliostatError(
      'gone',
      'Error in store configuration. Adding images to store is disabled.',
    )
  }
  return store.objects.writing.urlOf(imageId)
}

export async function openSink(
  { id, chunks, objects }: Store,
  { url, size, chunkSize }: SinkOptions,
): Promise<Sink> {
  if (chunks) {
    return {
      put: async (_position, digest, bytes) => {
        if (digest !== null) await chunks.store.put(digest, bytes)
      },
      finish: async () => undefined,
      abort: async () => undefined,
    }
  }
  if (!objects?.writing || url === null) throw new Error(`Store "${id}" takes no images`)
  const writer = await objects.writing.create(url, size)
  return {
    put: async (position, digest, bytes) => {
      if (digest !== null) await writer.write(position * chunkSize, bytes)
    },
    finish: writer.finish,
    abort: writer.abort,
  }
}
