import { readLimited } from '../../http/body.ts'
import { type Body, bodyOf, type Opened, resumedParts } from '../remote/resumed-body.ts'
import { bytesIn } from '../remote/wire.ts'
import type { Span } from '../store.ts'
import type { S3Client } from './client.ts'
import { brokenBy, type Context, S3Error } from './failure.ts'

/** How often a body may break off before it is given up. */
const RESUMPTIONS = 4

/** An object, or a span of it, whose body goes on where its connection broke. Null where there is no such object. */
export async function openObject(client: S3Client, key: string, span?: Span): Promise<Body | null> {
  // No server can satisfy an empty range.
  if (span?.length === 0) return (await sizeOf(client, key)) === null ? null : new Blob().stream()
  const stop = new AbortController()
  const open = (part?: Span) => begin(client, { key, part, signal: stop.signal })
  const first = await open(span)
  if (!first) return null
  const broken = (error: unknown) => brokenBy(error, first.context)
  const offset = span?.offset ?? 0
  const resumption = { offset, most: RESUMPTIONS, open, broken, changed: broken }
  return bodyOf(resumedParts(first, resumption), stop)
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
        const total = status === 206 ? totalOf(headers) : bytesIn(headers.get('Content-Length'))
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

function begin(
  client: S3Client,
  { key, part, signal }: Beginning,
): Promise<(Opened & { context: Context }) | null> {
  const range = part && { Range: `bytes=${part.offset}-${part.offset + part.length - 1}` }
  const request = { method: 'GET' as const, key, signal, ...(range && { headers: range }) }
  return client.askIfPresent(`read "${key}"`, request, async (response, context) => {
    const { headers } = response
    const length = bytesIn(headers.get('Content-Length')) ?? part?.length ?? null
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

/** https://www.rfc-editor.org/rfc/rfc9110#section-14.4 */
function totalOf(headers: Headers): number | null {
  return bytesIn(/^bytes \d+-\d+\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1])
}

function firstOf(headers: Headers): number | null {
  return bytesIn(/^bytes (\d+)-/.exec(headers.get('Content-Range') ?? '')?.[1])
}
