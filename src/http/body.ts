import { HeliostatError } from '../errors.ts'
import { inTime, LATE } from '../in-time.ts'

/** What is read of a refused body before its sender is answered, at most. */
const MAX_DISCARDED = 64 * 1024 * 1024
const DISCARDING_MS = 60_000

/**
 * Collects a small body, such as a JSON document. Never for image data, which is streamed. One that has not come as a
 * whole within the given time, however it drips, is given up [408].
 */
export async function readLimited(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  milliseconds = Infinity,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array()
  const reader = body.getReader()
  // Let go of, it collects no more of what comes too late.
  const bytes = await inTime(collect(reader, limit), milliseconds).finally(() =>
    reader.releaseLock(),
  )
  if (bytes === LATE) throw tooSlow(milliseconds)
  if (bytes) return bytes
  if (!(await discard(body))) await body.cancel().catch(() => undefined)
  throw tooLarge(limit)
}

/** Null for a body that is larger. */
async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatenate(chunks, length)
    length += value.byteLength
    if (length > limit) return null
    chunks.push(value)
  }
}

/**
 * Reads what is left of a body that was refused: most clients look for an answer only once they have sent
 * everything. False when its end did not come within 64 MiB and the given time; the rest stays unread.
 */
export async function discard(
  body: ReadableStream<Uint8Array>,
  milliseconds: number = DISCARDING_MS,
): Promise<boolean> {
  // Somebody has given it up while he waited for it.
  if (body.locked) return false
  const until = Date.now() + milliseconds
  // A sender that has gone is not to be answered.
  const ended = readToEnd(body, until).catch(() => false)
  return (await inTime(ended, milliseconds)) === true
}

async function readToEnd(body: ReadableStream<Uint8Array>, until: number): Promise<boolean> {
  const reader = body.getReader()
  try {
    let left = MAX_DISCARDED
    while (left >= 0 && Date.now() < until) {
      const { done, value } = await reader.read()
      if (done) return true
      left -= value.byteLength
    }
    return false
  } finally {
    reader.releaseLock()
  }
}

/**
 * The body of a request, taken when it is needed: a client that sends `Expect: 100-continue` waits for that.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 */
export interface RequestBody {
  take(): ReadableStream<Uint8Array>
  /** Takes in what the client sends without having been asked for it, or until it hears that it was refused. */
  refuse(): Promise<void>
}

/** `open` is what opens it, unless that is the request itself. */
export function bodyOf(
  request: { headers: Headers; body: ReadableStream<Uint8Array> | null },
  open = () => request.body ?? new Blob().stream(),
): RequestBody {
  let taken: ReadableStream<Uint8Array> | null = null
  const take = () => (taken ??= open())
  return {
    take,
    async refuse() {
      if (taken === null && expectsContinue(request.headers)) return
      await discard(take())
    },
  }
}

function expectsContinue(headers: Headers): boolean {
  return headers.get('Expect')?.toLowerCase() === '100-continue'
}

/** Whether a message with these headers has a body that is not known to be empty. */
export function announcesBody(headers: Headers): boolean {
  // https://www.rfc-editor.org/rfc/rfc9112#section-6.3
  return headers.has('Transfer-Encoding') || Number(headers.get('Content-Length')) > 0
}

function concatenate(chunks: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }

  return whole
}

function tooLarge(limit: number): HeliostatError {
  return new HeliostatError('too-large', `Request body is larger than the limit of ${limit} bytes`)
}

/** What is still to come of it would otherwise be taken for the next request. */
function tooSlow(milliseconds: number): HeliostatError {
  return new HeliostatError(
    'request-timeout',
    `Request body has not come within ${milliseconds / 1000} seconds`,
    { headers: { Connection: 'close' } },
  )
}
