import { HeliostatError } from '../errors.ts'

/**
 * Collects a small body, such as a JSON document. Never for image data, which is streamed. A body over the limit is
 * read to its end all the same: most clients look for an answer only once they have sent everything.
 */
export async function readLimited(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0

  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    if (length <= limit) chunks.push(chunk)
  }
  if (length > limit) throw tooLarge(limit)

  return concatenate(chunks, length)
}

/** Reads what is left of a body that was refused, so that its sender comes to read the answer. */
export async function discard(body: ReadableStream<Uint8Array>): Promise<void> {
  try {
    for await (const _ of body);
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
