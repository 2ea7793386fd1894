import type { Span } from '../store.ts'

export type Body = ReadableStream<Uint8Array>
export type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** The parts of a body, from however many connections they come. */
export interface Parts {
  /** Null at the end. */
  next(signal: AbortSignal): Promise<Uint8Array | null>
  cancel(reason: unknown): Promise<void>
}

/** A body of its parts. Whoever leaves it ends also what is being opened for it, by `stop`. */
export function bodyOf(parts: Parts, stop: AbortController): Body {
  return new ReadableStream(
    {
      async pull(controller) {
        const bytes = await parts.next(stop.signal)
        if (bytes) controller.enqueue(bytes)
        else controller.close()
      },
      async cancel(reason) {
        // It may be about to begin anew.
        stop.abort(reason)
        await parts.cancel(reason).catch(() => undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

/** The body of an object that has begun. */
export interface Opened {
  reader: BodyReader
  /** Null where the server does not say: then it cannot be gone on with. */
  length: number | null
  etag: string | null
}

export interface Resumption {
  /** Where the body begins in the object. */
  offset: number
  /** How often it may be gone on with. */
  most: number
  open(rest: Span): Promise<Opened | null>
  /** The error of a body that broke off, and will not be gone on with. */
  broken(error: unknown): Error
  /** The error of a body whose object is gone, or another one by now. */
  changed(error: Error): Error
}

/** Goes on with a body where its connection broke, as long as the object has the same ETag. */
export function resumedParts(
  { length, etag, ...first }: Opened,
  { offset, most, open, broken, changed }: Resumption,
): Parts {
  let { reader } = first
  let position = 0
  let resumptions = 0

  async function read(): Promise<Uint8Array | null> {
    const { done, value } = await reader.read()
    position += value?.length ?? 0
    const isWrong = length !== null && (position > length || (done && position < length))
    if (isWrong) throw new Error(`sends ${position} bytes: wanted ${length}`)
    return done ? null : value
  }

  async function resume(total: number): Promise<void> {
    const opened = await open({ offset: offset + position, length: total - position })
    if (opened) ({ reader } = opened)
    if (opened && opened.etag === etag) return
    await opened?.reader.cancel().catch(() => undefined)
    throw changed(new Error('changed the object while it was read'))
  }

  return {
    async next(signal) {
      for (;;) {
        try {
          return await read()
        } catch (error) {
          await reader.cancel(error).catch(() => undefined)
          if (signal.aborted || length === null || position > length || resumptions === most) {
            throw broken(error)
          }
        }
        if (position === length) return null
        resumptions++
        await resume(length)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }
}
