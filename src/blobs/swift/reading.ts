import { type Body, bodyOf, type Opened, resumedParts } from '../remote/resumed-body.ts'
import { bytesIn } from '../remote/wire.ts'
import type { Span } from '../store.ts'
import type { SwiftClient } from './client.ts'
import { brokenBy, type Context, unfit } from './failure.ts'

/** How often a body may break off before it is given up, at least. */
const RESUMPTIONS = 4

/** An object, and how often its body may be gone on with. */
export interface Place {
  container: string
  key: string
  resumptions: number
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
  const { context } = first
  const resumption = {
    offset: span?.offset ?? 0,
    most: Math.max(RESUMPTIONS, place.resumptions),
    open,
    broken: (error: unknown) => brokenBy(error, context),
    changed: (error: Error) => unfit(error, context),
  }
  return bodyOf(resumedParts(first, resumption), stop)
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
): Promise<(Opened & { context: Context }) | null> {
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
  const length = bytesIn(headers.get('Content-Length'))
  if (length !== null) return length
  throw new Error('does not say how long an object is')
}
