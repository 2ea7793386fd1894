import type { Span } from '../store.ts'
import type { SwiftClient } from './client.ts'
import { brokenBy, type Context, SwiftError, unfit } from './failure.ts'

/** How often a body may break off before it is given up, at least. */
const RESUMPTIONS = 4

type Body = ReadableStream<Uint8Array>

/** An object, and how often its body may be gone on with. */
export interface Place {
  container: string
  key: string
  resumptions: number
}

/** A body that has begun. */
interface Opened {
  reader: ReadableStreamDefaultReader<Uint8Array>
  length: number
  etag: string | null
  context: Context
}

/** An object, or a span of it, whose body goes on where it broke off. Null where there is no such object. */
export async function openObject(
  client: SwiftClient,
  place: Place,
  span?: Span,
): Promise<Body | null> {
  // No server can satisfy an empty range.
  if (span?.length === 0) {
    return (await sizeOf(client, place)) === null ? null : new Blob().stream()
  }
  const stop = new AbortController()
  const open = (part?: Span) => begin(client, place, part, stop.signal)
  const first = await open(span)
  if (!first) return null
  const resumptions = Math.max(RESUMPTIONS, place.resumptions)
  return stream(createParts(first, { offset: span?.offset ?? 0, resumptions, open }), stop)
}

/** Bytes; null where there is no such object. */
export function sizeOf(client: SwiftClient, place: Place): Promise<number | null> {
  const { container, key } = place
  const request = { method: 'HEAD' as const, container, key }
  return client.askIfPresent(`look for "${key}"`, request, async ({ headers }) => lengthOf(headers))
}

function begin(
  client: SwiftClient,
  { container, key }: Place,
  part: Span | undefined,
  signal: AbortSignal,
): Promise<Opened | null> {
  const headers: Record<string, string> = part
    ? { Range: `bytes=${part.offset}-${part.offset + part.length - 1}` }
    : {}
  const request = { method: 'GET' as const, container, key, headers, signal }
  return client.askIfPresent(`read "${key}"`, request, async (response, context) => {
    const body: Body = response.body ?? new Blob().stream()
    try {
      const length = lengthOf(response.headers)
      if (part) requirePart(response, length, part)
      const etag = response.headers.get('ETag')
      return { reader: body.getReader(), length, etag, context }
    } catch (error) {
      await body.cancel().catch(() => undefined)
      throw unfit(error, context)
    }
  })
}

/** Throws unless the body is what was asked for. */
function requirePart({ status, headers }: Response, length: number, part: Span): void {
  const [, offset] = /^bytes (\d+)-/.exec(headers.get('Content-Range') ?? '') ?? []
  const isAll = status === 200 && part.offset === 0
  if (length === part.length && (isAll || Number(offset) === part.offset)) return
  const got = `${length} bytes from ${offset ?? 0}`
  throw new Error(`sends ${got}: wanted ${part.length} from ${part.offset}`)
}

function lengthOf(headers: Headers): number {
  const length = headers.get('Content-Length') ?? ''
  if (/^\d{1,15}$/.test(length)) return Number(length)
  throw new Error('does not say how long an object is')
}

interface Parts {
  /** Null at the end. */
  next(signal: AbortSignal): Promise<Uint8Array | null>
  cancel(reason: unknown): Promise<void>
}

interface Source {
  /** Where the body begins in the object. */
  offset: number
  resumptions: number
  open(part: Span): Promise<Opened | null>
}

function createParts(first: Opened, { offset, resumptions, open }: Source): Parts {
  const { length, etag, context } = first
  let { reader } = first
  let position = 0
  let broken = 0

  async function read(): Promise<Uint8Array | null> {
    const { done, value } = await reader.read()
    position += value?.length ?? 0
    if (position > length || (done && position < length)) {
      throw new Error(`sends ${position} bytes: wanted ${length}`)
    }
    return done ? null : value
  }

  async function resume(): Promise<void> {
    const opened = await open({ offset: offset + position, length: length - position })
    if (opened) ({ reader } = opened)
    if (opened && opened.etag === etag) return
    await opened?.reader.cancel().catch(() => undefined)
    throw unfit(new Error('changed the object while it was read'), context)
  }

  return {
    async next(signal) {
      for (;;) {
        try {
          return await read()
        } catch (error) {
          await reader.cancel(error).catch(() => undefined)
          const isOver = signal.aborted || position > length || broken === resumptions
          if (isOver) throw error instanceof SwiftError ? error : brokenBy(error, context)
        }
        if (position === length) return null
        broken++
        await resume()
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

function stream(parts: Parts, stop: AbortController): Body {
  return new ReadableStream(
    {
      async pull(controller) {
        const bytes = await parts.next(stop.signal)
        if (bytes) controller.enqueue(bytes)
        else controller.close()
      },
      async cancel(reason) {
        await parts.cancel(reason).catch(() => undefined)
        // It may be about to begin anew.
        stop.abort(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
