import { PATIENCE } from '../../blobs/remote/patience.ts'
import {
  type Body,
  bodyOf,
  type BodyReader,
  type Opened,
  type Parts,
  resumedParts,
} from '../../blobs/remote/resumed-body.ts'
import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import type { SourceHttp } from './http.ts'

/** How often one image is gone on with. */
const MOST_RESUMPTIONS = 100

export interface SourceFile {
  id: string
  /** Bytes. */
  size: number
}

/**
 * The bytes of an image. Where the connection breaks they go on by a range, or, at a Glance that knows none, by the
 * whole of which the beginning is passed over: that the bytes belong together is for their digest to tell. The first
 * request is made when the first byte is wanted.
 */
export function openFile(
  http: SourceHttp,
  { id, size }: SourceFile,
  { signal, took }: { signal: AbortSignal; took(bytes: number): void },
): Body {
  const stop = new AbortController()
  const leave = () => stop.abort(signal.reason)
  signal.addEventListener('abort', leave)
  if (signal.aborted) leave()

  const open = (offset: number) => openAt(http, { id, size, offset }, stop.signal)
  let parts: Parts | null = null
  const end = () => signal.removeEventListener('abort', leave)

  async function begin(): Promise<Parts> {
    const broken = (error: unknown) => brokenOff(id, signal.aborted ? signal.reason : error)
    return resumedParts(await open(0), {
      offset: 0,
      most: MOST_RESUMPTIONS,
      open: (rest) => open(rest.offset),
      broken,
      changed: broken,
    })
  }

  return bodyOf(
    {
      async next(stopped) {
        try {
          parts ??= await begin()
          const bytes = await parts.next(stopped)
          if (bytes) took(bytes.length)
          else end()
          return bytes
        } catch (error) {
          end()
          throw error
        }
      },
      async cancel(reason) {
        end()
        await parts?.cancel(reason)
      },
    },
    stop,
  )
}

function brokenOff(id: string, error: unknown): HeliostatError {
  if (error instanceof HeliostatError) return error
  return new HeliostatError('unavailable', `Image ${id} broke off: ${reasonOf(error)}`)
}

async function openAt(
  http: SourceHttp,
  { id, size, offset }: SourceFile & { offset: number },
  signal: AbortSignal,
): Promise<Opened> {
  const { head, idle, least } = PATIENCE
  const response = await http.get(`/v2/images/${id}/file`, {
    headers: offset === 0 ? {} : { Range: `bytes=${offset}-${size - 1}` },
    limit: { head: 3 * head, idle, least },
    signal,
  })
  const opened = (reader: BodyReader) => ({ reader, length: size, etag: null })
  // What Glance says of an image without a byte.
  if (response.status === 204) return opened(emptyBody().getReader())
  const refusal = refusalOf(response, offset)
  if (refusal !== null) {
    await response.body?.cancel()
    throw new HeliostatError(
      'unavailable',
      `The source ${refusal}: wanted image ${id} from byte ${offset}`,
    )
  }
  const body = response.body ?? emptyBody()
  return opened((response.status === 200 ? passOver(body, offset) : body).getReader())
}

function refusalOf({ status, headers }: Response, offset: number): string | null {
  const encoding = headers.get('Content-Encoding') ?? 'identity'
  if (encoding !== 'identity') return 'encodes what it sends'
  if (status === 200) return null
  if (status !== 206) return `answers ${status}`
  const range = headers.get('Content-Range') ?? ''
  return range.startsWith(`bytes ${offset}-`) ? null : `sends other bytes than were asked for`
}

/** A body without its first bytes. */
function passOver(body: Body, bytes: number): Body {
  if (bytes === 0) return body
  const reader = body.getReader()
  let left = bytes
  return new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          const rest = value.subarray(Math.min(left, value.length))
          left -= value.length - rest.length
          if (rest.length > 0) return controller.enqueue(rest)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function emptyBody(): Body {
  return new Blob().stream()
}
