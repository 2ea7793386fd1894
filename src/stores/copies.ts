import type { Span } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import type { Place, Places } from '../inventory/places.ts'
import { reasonOf } from '../reason.ts'
import type { StoreOrder } from './order.ts'
import type { Store, Stores } from './store.ts'

export interface CopiesParts {
  stores: Pick<Stores, 'find'>
  order: StoreOrder
  places: Places
  sizeOfChunk(digest: string): Promise<number | null>
}

interface ChunkOptions {
  /** Whether this is the chunk. If not, the next copy is read. */
  isWhole?(bytes: Uint8Array): Promise<boolean>
  prefer?: readonly string[] | undefined
}

/** The bytes of chunks from whichever store has them, the next one where one fails. */
export interface Copies {
  /** The stores that have all of a blob; the first is to be read. */
  storesOf(blob: string): Promise<string[]>
  /** The same of a chunk. */
  storesOfChunk(digest: string): Promise<string[]>
  /**
   * The bytes of a chunk, in the memory given, which is of its size. Null where no store has it whole; throws
   * [unavailable] where one that may have it does not answer.
   */
  chunk(digest: string, memory: Uint8Array, options?: ChunkOptions): Promise<Uint8Array | null>
  /** As a stream, which goes over to another copy in the middle. What it gives has not been verified. */
  get(digest: string, span?: Span): Promise<ReadableStream<Uint8Array> | null>
}

export function createCopies(parts: CopiesParts): Copies {
  const { stores, order, places: known, sizeOfChunk } = parts

  async function placesOf(digest: string, prefer?: readonly string[]): Promise<Place[]> {
    return order.sort(await known.ofChunk(digest), prefer)
  }

  /** Opens the first of the places that answers and takes the others away that were tried before it. */
  async function openNext(places: Place[], digest: string, span: Span) {
    let failure: unknown = null
    for (let place = places.shift(); place; place = places.shift()) {
      order.trying(place.store)
      try {
        const body = await openPlace(stores.find(place.store), place, { digest, span })
        if (body) return { store: place.store, body }
      } catch (error) {
        order.failed(place.store, error)
        failure = error
      }
    }
    if (failure !== null) throw unavailable(failure)
    return null
  }

  return {
    storesOf: async (blob) => order.sort(await known.storesOf(blob)).map(({ store }) => store),
    storesOfChunk: async (digest) => (await placesOf(digest)).map(({ store }) => store),

    async chunk(digest, memory, { isWhole = async () => true, prefer } = {}) {
      const places = await placesOf(digest, prefer)
      const span = { offset: 0, length: memory.length }
      let failure: unknown = null
      while (places.length > 0) {
        const opened = await openNext(places, digest, span)
        if (!opened) break
        try {
          const bytes = await collect(opened.body, memory)
          order.succeeded(opened.store)
          if (await isWhole(bytes)) return bytes
        } catch (error) {
          order.failed(opened.store, error)
          failure = error
        }
      }
      if (failure !== null) throw unavailable(failure)
      return null
    },

    async get(digest, span) {
      const wanted = span ?? { offset: 0, length: (await sizeOfChunk(digest)) ?? 0 }
      const places = await placesOf(digest)
      const first = await openNext(places, digest, wanted)
      return (
        first &&
        resumed(first, wanted, {
          failed: order.failed,
          succeeded: order.succeeded,
          next: (rest) => openNext(places, digest, rest),
        })
      )
    },
  }
}

interface Opened {
  store: string
  body: ReadableStream<Uint8Array>
}

/** Opens a span of a chunk in one store; null where it is not there. */
export async function openPlace(
  store: Store | null,
  { url, offset }: Place,
  { digest, span }: { digest: string; span: Span },
): Promise<ReadableStream<Uint8Array> | null> {
  if (url === null) return (await store?.chunks?.store.get(digest, span)) ?? null
  const within = { offset: offset + span.offset, length: span.length }
  return (await store?.objects?.get(url, within)) ?? null
}

/** Fills the memory. Throws where a body is shorter or longer than what was asked for. */
export async function collect(
  body: ReadableStream<Uint8Array>,
  memory: Uint8Array,
): Promise<Uint8Array> {
  let filled = 0
  for await (const part of body) {
    if (filled + part.length > memory.length) throw wrongLength(memory.length, 'more')
    memory.set(part, filled)
    filled += part.length
  }
  if (filled < memory.length) throw wrongLength(memory.length, `${filled}`)
  return memory
}

interface Resumption {
  failed(store: string, error: unknown): void
  succeeded(store: string): void
  /** Opens what is left elsewhere; null where there is no other copy. */
  next(rest: Span): Promise<Opened | null>
}

/** A body of exactly so many bytes: one that breaks off, or is too short, goes on from another copy at the same byte. */
function resumed(
  first: Opened,
  span: Span,
  { failed, succeeded, next }: Resumption,
): ReadableStream<Uint8Array> {
  let { store } = first
  let reader = first.body.getReader()
  let done = 0

  async function goOn(error: unknown): Promise<void> {
    failed(store, error)
    const opened = await next({ offset: span.offset + done, length: span.length - done })
    if (!opened) throw error
    store = opened.store
    reader = opened.body.getReader()
  }

  async function readPart(): Promise<Uint8Array> {
    for (;;) {
      try {
        const { value } = await reader.read()
        if (value && done + value.length <= span.length) return value
        throw wrongLength(span.length, value ? 'more' : `${done}`)
      } catch (error) {
        await goOn(error)
      }
    }
  }

  return new ReadableStream(
    {
      async pull(controller) {
        if (done === span.length) {
          await reader.cancel()
          return controller.close()
        }
        const part = await readPart()
        done += part.length
        controller.enqueue(part)
        if (done < span.length) return
        succeeded(store)
        controller.close()
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function wrongLength(wanted: number, got: string): Error {
  return new Error(`The store sent ${got} bytes, wanted ${wanted}`)
}

function unavailable(cause: unknown): HeliostatError {
  return new HeliostatError(
    'unavailable',
    'A part of the image cannot be read at the moment from any store that has it: try again soon',
    {
      cause: cause instanceof Error ? cause : new Error(reasonOf(cause)),
      headers: { 'Retry-After': '30' },
    },
  )
}
