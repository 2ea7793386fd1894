import { readLimited } from '../../http/body.ts'
import type { Span } from '../store.ts'
import type { S3Client } from './client.ts'
import { brokenBy, type Context, S3Error } from './failure.ts'

/** How often a body may break off before it is given up. */
const RESUMPTIONS = 4

type Body = ReadableStream<Uint8Array>

/** A body that has begun. */
interface Opened {
  reader: ReadableStreamDefaultReader<Uint8Array>
  /** Null where the server does not say. */
  length: number | null
  etag: string | null
  context: Context
}

/** An object, or a span of it, whose body goes on where its connection broke. Null where there is no such object. */
export async function openObject(client: S3Client, key: string, span?: Span): Promise<Body | null> {
  // No server can satisfy an empty range.
  if (span?.length === 0) return (await sizeOf(client, key)) === null ? null : new Blob().stream()
  const stop = new AbortController()
  const open = (part?: Span) => begin(client, { key, part, signal: stop.signal })
  const first = await open(span)
  return first && stream(createParts(first, span?.offset ?? 0, open), stop)
}

/** Null where there is no such object. Not by HEAD, whose answer does not tell a missing object from a missing bucket. */
export async function sizeOf(client: S3Client, key: string): Promise<number | null> {
  const request = { method: 'GET' as const, key, headers: { Range: 'bytes=0-0' } }
  try {
    return await client.askIfPresent(
      `read "${key}"`,
      request,
      async ({ status, headers, body }) => {
        // Read, one byte leaves its connection to the next request.
        if (status === 206) await readLimited(body, 1)
        else await body?.cancel()
        const total = status === 206 ? totalOf(headers) : numberOf(headers.get('Content-Length'))
        if (total === null) throw new Error('does not say how long an object is')
        return total
      },
    )
  } catch (error) {
    // Nothing is at the first byte of an empty object.
    if (error instanceof S3Error && error.status === 416) return 0
    throw error
  }
}

interface Beginning {
  key: string
  part: Span | undefined
  signal: AbortSignal
}

function begin(client: S3Client, { key, part, signal }: Beginning): Promise<Opened | null> {
  const range = part && { Range: `bytes=${part.offset}-${part.offset + part.length - 1}` }
  const request = { method: 'GET' as const, key, signal, ...(range && { headers: range }) }
  return client.askIfPresent(`read "${key}"`, request, async (response, context) => {
    const { headers } = response
    const length = numberOf(headers.get('Content-Length')) ?? part?.length ?? null
    const body: Body = response.body ?? new Blob().stream()
    const fault = faultOf(response, part, length)
    if (fault === null)
      return { reader: body.getReader(), length, etag: headers.get('ETag'), context }
    await body.cancel()
    throw new Error(fault)
  })
}

/** What is wrong with the head of an answer. */
function faultOf(
  { status, headers }: Response,
  part: Span | undefined,
  length: number | null,
): string | null {
  const encoding = headers.get('Content-Encoding') ?? 'identity'
  if (encoding !== 'identity') return 'answers compressed: wanted no Content-Encoding'
  if (!part) return status === 200 ? null : `answers ${status}: wanted the whole object`
  // All of it may be sent for a range as well.
  const offset = status === 206 ? firstOf(headers) : 0
  if (offset === part.offset && length === part.length) return null
  return `sends ${length} bytes from ${offset}: wanted ${part.length} from ${part.offset}`
}

interface Parts {
  /** Null at the end. */
  next(signal: AbortSignal): Promise<Uint8Array | null>
  cancel(reason: unknown): Promise<void>
}

function createParts(
  { length, etag, context, ...first }: Opened,
  offset: number,
  open: (part: Span) => Promise<Opened | null>,
): Parts {
  let { reader } = first
  let position = 0
  let resumptions = 0

  async function read(): Promise<Uint8Array | null> {
    const { done, value } = await reader.read()
    if (!done) {
      position += value.length
      return value
    }
    if (position < (length ?? 0)) throw new Error(`sends ${position} bytes: wanted ${length}`)
    return null
  }

  async function resume(total: number): Promise<void> {
    const opened = await open({ offset: offset + position, length: total - position })
    if (opened) ({ reader } = opened)
    if (opened?.etag === etag) return
    await opened?.reader.cancel()
    throw brokenBy(new Error('changed the object while it was read'), context)
  }

  return {
    async next(signal) {
      for (;;) {
        try {
          return await read()
        } catch (error) {
          await reader.cancel(error).catch(() => undefined)
          if (signal.aborted || length === null || resumptions === RESUMPTIONS) {
            throw brokenBy(error, context)
          }
        }
        if (position >= length) return null
        resumptions++
        await resume(length)
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

/** https://www.rfc-editor.org/rfc/rfc9110#section-14.4 */
function totalOf(headers: Headers): number | null {
  return numberOf(/^bytes \d+-\d+\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1])
}

function firstOf(headers: Headers): number | null {
  return numberOf(/^bytes (\d+)-/.exec(headers.get('Content-Range') ?? '')?.[1])
}

function numberOf(text: string | null | undefined): number | null {
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null
}
