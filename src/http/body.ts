import { HeliostatError } from '../errors.ts'

/** What is read of a JSON body that is too large, before its sender is cut off. */
const MAX_DISCARDED = 64 * 1024 * 1024

/** Collects a small body, such as a JSON document. Never for image data, which is streamed. */
export async function readLimited(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0

  for await (const chunk of body?.values({ preventCancel: true }) ?? []) {
    length += chunk.byteLength
    if (length > limit) break
    chunks.push(chunk)
  }
  if (length <= limit) return concatenate(chunks, length)
  if (body) await discard(body, MAX_DISCARDED)
  throw tooLarge(limit)
}

/**
 * Reads what is left of a body that was refused: most clients look for an answer only once they have sent
 * everything. Past the limit (bytes) the body is cancelled.
 */
export async function discard(body: ReadableStream<Uint8Array>, limit: number): Promise<void> {
  let left = limit
  try {
    for await (const chunk of body) {
      left -= chunk.byteLength
      if (left < 0) return
    }
  } catch {
    // The sender has gone: there is nobody left to answer.
  }
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
