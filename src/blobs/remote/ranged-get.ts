import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import type { Span } from '../store.ts'
import { attempt } from './attempts.ts'
import type { Patience } from './patience.ts'
import { type Body, bodyOf, type BodyReader, type Parts } from './resumed-body.ts'
import { bytesIn } from './wire.ts'

/** A file behind HTTP. */
export interface RemoteFile {
  /** As it may be shown. */
  name: string
  /** Sends a request for it, once. Throws a `PassingFailure` where there is no answer that says anything. */
  send(method: 'GET' | 'HEAD', headers: Headers, signal?: AbortSignal): Promise<Response>
  patience: Patience
}

interface Part {
  reader: BodyReader
  /** Which file it is a part of, as `If-Range` takes it; null where the server does not say. */
  version: string | null
}

const ABSENT = [404, 410]
/** HEAD may be forbidden where GET is not: the signature of a URL is for one of them. */
const NO_HEAD = [403, 405, 501]

/** The length of a file; null where there is none. */
export async function sizeOf(file: RemoteFile): Promise<number | null> {
  const head = await attempt(file.patience, () => file.send('HEAD', identity()))
  if (ABSENT.includes(head.status)) return null
  if (head.ok) {
    requirePlain(file, head)
    const length = bytesIn(head.headers.get('Content-Length'))
    if (length !== null) return length
  } else if (!NO_HEAD.includes(head.status)) throw answers(file, head)
  return sizeByGet(file)
}

async function sizeByGet(file: RemoteFile): Promise<number | null> {
  const headers = identity({ Range: 'bytes=0-0' })
  const response = await attempt(file.patience, () => file.send('GET', headers))
  await response.body?.cancel()
  if (ABSENT.includes(response.status)) return null
  const total = /^bytes (?:0-0|\*)\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1]
  // Nothing is at the first byte of an empty file.
  if (response.status === 416 && total === '0') return 0
  if (response.status !== 206 && response.status !== 200) throw answers(file, response)
  requirePlain(file, response)
  const length = response.status === 206 ? total : response.headers.get('Content-Length')
  const size = bytesIn(length)
  if (size === null) throw new Error(`${file.name} does not say how long it is`)
  return size
}

/**
 * A span of a file, whose body goes on where its connection broke, as long as it is the same file. Null where there is
 * none. A server that knows no ranges serves only what begins with the first byte [invalid].
 */
export async function getRange(file: RemoteFile, span: Span): Promise<Body | null> {
  if (span.length === 0) return (await sizeOf(file)) === null ? null : new Blob().stream()
  const stop = new AbortController()
  const open = (rest: Span, version: string | null) =>
    attempt(
      file.patience,
      () => openPart(file, { ...rest, version, signal: stop.signal }),
      stop.signal,
    )
  const first = await open(span, null)
  return first && bodyOf(createParts(file, { first, span, open }), stop)
}

interface Wanted extends Span {
  version: string | null
  signal: AbortSignal
}

async function openPart(file: RemoteFile, wanted: Wanted): Promise<Part | null> {
  const { offset, length, version, signal } = wanted
  const headers = identity({ Range: `bytes=${offset}-${offset + length - 1}` })
  if (version !== null) headers.set('If-Range', version)
  const response = await file.send('GET', headers, signal)
  if (ABSENT.includes(response.status) && version === null) return null
  try {
    requirePart(file, response, wanted)
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
  const body: Body = response.body ?? new Blob().stream()
  return { reader: body.getReader(), version: versionOf(response) }
}

/** Throws unless the body begins with what is wanted. */
function requirePart(file: RemoteFile, response: Response, wanted: Wanted): void {
  const { offset, length, version } = wanted
  const { status, headers } = response
  if (status === 416) throw new Error(`${file.name} has fewer than ${offset + length} bytes`)
  if (status !== 206 && status !== 200) throw answers(file, response)
  requirePlain(file, response)
  if (version !== null && (status === 200 || versionOf(response) !== version)) {
    throw new Error(`${file.name} has changed while it was read, or cannot be read on`)
  }
  const announced = bytesIn(headers.get('Content-Length'))
  if (status === 200) {
    if (offset > 0) throw noRanges(wanted)
    if (announced === null || announced >= length) return
    throw new Error(`${file.name} has only ${announced} bytes: wanted ${length}`)
  }
  const range = headers.get('Content-Range') ?? ''
  const isWanted = range.startsWith(`bytes ${offset}-${offset + length - 1}/`)
  if (isWanted && (announced ?? length) === length) return
  throw new Error(`${file.name} sends "${range}": wanted ${length} bytes from ${offset}`)
}

export function requirePlain(file: RemoteFile, { headers }: Response): void {
  const encoding = headers.get('Content-Encoding') ?? 'identity'
  if (encoding === 'identity') return
  throw new Error(`${file.name} is sent with a Content-Encoding: wanted the bytes as they are`)
}

export function answers({ name }: RemoteFile, { status }: Response): Error {
  return new Error(`${name} answers ${status}: wanted the file`)
}

export function identity(headers: Record<string, string> = {}): Headers {
  return new Headers({ 'Accept-Encoding': 'identity', ...headers })
}

function noRanges({ offset, length }: Span): HeliostatError {
  const message = 'Getting images randomly from this store is not supported.'
  return new HeliostatError('invalid', `${message} Offset: ${offset}, length: ${length}`)
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5: a weak one is none that bytes could be joined by. */
export function versionOf({ headers }: Response): string | null {
  const etag = headers.get('ETag')
  return etag?.startsWith('"') ? etag : headers.get('Last-Modified')
}

interface Reading {
  first: Part
  span: Span
  open(rest: Span, version: string | null): Promise<Part | null>
}

function createParts(file: RemoteFile, { first, span, open }: Reading): Parts {
  const { version } = first
  let { reader } = first
  let done = 0
  let resumptions = 0

  async function read(): Promise<Uint8Array> {
    const { value } = await reader.read()
    if (value) return value
    throw new Error(`ended after ${done} of ${span.length} bytes`)
  }

  async function resume(): Promise<void> {
    const part = await open({ offset: span.offset + done, length: span.length - done }, version)
    if (!part) throw new Error(`${file.name} is gone`)
    ;({ reader } = part)
  }

  /** The next bytes of any length; null where the connection has broken and another one has taken its place. */
  async function readOrResume(signal: AbortSignal): Promise<Uint8Array | null> {
    try {
      return await read()
    } catch (error) {
      await reader.cancel(error).catch(() => undefined)
      const isLast = ++resumptions >= file.patience.attempts || version === null
      if (isLast || signal.aborted) throw new Error(`${file.name} broke off: ${reasonOf(error)}`)
      await resume()
      return null
    }
  }

  return {
    async next(signal) {
      let bytes: Uint8Array | null = null
      while (done < span.length && !bytes?.length) bytes = await readOrResume(signal)
      if (!bytes) return null
      const wanted = bytes.subarray(0, span.length - done)
      done += wanted.length
      if (done === span.length) await letGo(reader)
      return wanted
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

/** The connection serves another request once the end of the body has been read. A server without ranges sends more. */
async function letGo(reader: Part['reader']): Promise<void> {
  const { done } = await reader.read().catch(() => ({ done: true }))
  if (!done) await reader.cancel().catch(() => undefined)
}
