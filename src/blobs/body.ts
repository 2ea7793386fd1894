import { type Content, type Piece, pieces } from './manifest.ts'
import type { ChunkStore, Span } from './store.ts'

const ZEROS = new Uint8Array(1 << 20)

export interface OpenedBody {
  /** Null where the runtime sends the bytes by itself, once it knows by `attach` which response they belong to. */
  stream: ReadableStream<Uint8Array> | null
  /** All of it, where that has been read at once: to be sent in place of the stream. */
  bytes?: Uint8Array<ArrayBuffer>
  attach(response: Response): void
  /** Resolves with the bytes that went out, whether the reader took them all or left. Never rejects. */
  sent: Promise<number>
}

/** Opens bodies of blobs. Null when a chunk that is asked for is known to be missing. */
export type OpenBody = (content: Content, range: Span) => Promise<OpenedBody | null>

/** Whether all of a blob can be had, as far as a site can tell without reading or fetching any of it. */
export type HasBytes = (content: Content) => Promise<boolean>

/** The pieces of a range, each asked for when the one before has been sent. Whoever leaves before the end says so. */
export type Walk = (content: Content, range: Span) => Iterable<Piece>

/**
 * Bodies as pull streams: one chunk is open at a time and nothing is read ahead of the reader. A chunk that turns
 * out to be missing halfway breaks the stream, so that a short body never looks whole.
 */
export function createBodyOpener(store: Pick<ChunkStore, 'get'>, walk: Walk = pieces): OpenBody {
  return async (content, range) => {
    const rest = walk(content, range)[Symbol.iterator]()
    let opened: OpenedBody | null = null
    try {
      const first = await openNext(store, rest)
      if (first !== 'missing') opened = openStream(store, rest, first)
      return opened
    } finally {
      if (!opened) rest.return?.()
    }
  }
}

/** Looks for the first chunk only, as for the opening of a body: in a remote store each one would be a request. */
export function createBytesProbe(store: Pick<ChunkStore, 'get'>): HasBytes {
  return async ({ chunks }) => {
    const first = chunks.find((digest) => digest !== null) ?? null
    if (first === null) return true
    const found = await store.get(first, { offset: 0, length: 0 })
    await found?.cancel()
    return found !== null
  }
}

type PieceReader = ReadableStreamDefaultReader<Uint8Array> | null

function openStream(
  store: Pick<ChunkStore, 'get'>,
  rest: Iterator<Piece>,
  first: PieceReader,
): OpenedBody {
  const { promise: sent, resolve } = promiseWithResolver<number>()
  let current = first
  let bytes = 0
  let cancelled = false

  async function nextPart(): Promise<Uint8Array | null> {
    while (current) {
      const { done, value } = await current.read()
      if (!done) return value
      // The chunk's stream also ends when it is cancelled; nobody would free the next one.
      const next = cancelled ? null : await openNext(store, rest)
      if (next === 'missing') throw new Error('A chunk of the image is missing from the store')
      if (cancelled) await next?.cancel()
      current = cancelled ? null : next
    }
    return null
  }

  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      try {
        const part = await nextPart()
        bytes += part?.length ?? 0
        if (part) return controller.enqueue(part)
        resolve(bytes)
        controller.close()
      } catch (error) {
        resolve(bytes)
        rest.return?.()
        throw error
      }
    },
    cancel(reason) {
      cancelled = true
      resolve(bytes)
      rest.return?.()
      return current?.cancel(reason)
    },
  }
  const stream = new ReadableStream(source, { highWaterMark: 0 })
  return { stream, attach: () => undefined, sent }
}

export interface Resolvable<T> {
  promise: Promise<T>
  resolve(value: T): void
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function promiseWithResolver<T>(): Resolvable<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

async function openNext(
  store: Pick<ChunkStore, 'get'>,
  rest: Iterator<Piece>,
): Promise<PieceReader | 'missing'> {
  const { done, value: piece } = rest.next()
  if (done) return null
  if (piece.digest === null) return zeroStream(piece.length).getReader()
  const body = await store.get(piece.digest, { offset: piece.offset, length: piece.length })
  return body ? body.getReader() : 'missing'
}

function zeroStream(length: number): ReadableStream<Uint8Array> {
  let left = length
  return new ReadableStream(
    {
      pull(controller) {
        const part = ZEROS.slice(0, Math.min(left, ZEROS.length))
        left -= part.length
        if (part.length > 0) controller.enqueue(part)
        if (left === 0) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}
