import { HeliostatError } from '../errors.ts'

/**
 * Cuts a body into chunks of exactly `chunkSize` bytes (the last is shorter). Two buffers take turns: the bytes
 * of a chunk stay valid until the next but one is asked for, so its consumer may work on it while the next fills.
 * A consumer that stops early leaves the rest of the body unread, not cancelled: that would cut the connection.
 */
export async function* cutChunks(
  body: ReadableStream<Uint8Array>,
  chunkSize: number,
  allocate: (size: number) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  const buffers: Uint8Array[] = []
  let turn = 0
  let filled = 0
  for await (const bytes of received(body)) {
    let taken = 0
    while (taken < bytes.length) {
      const buffer = (buffers[turn] ??= allocate(chunkSize))
      const part = bytes.subarray(taken, taken + chunkSize - filled)
      buffer.set(part, filled)
      taken += part.length
      filled += part.length
      if (filled < chunkSize) continue
      yield buffer
      turn = 1 - turn
      filled = 0
    }
  }
  const last = buffers[turn]
  if (filled > 0 && last) yield last.subarray(0, filled)
}

/** The body as it comes in. Runtimes have many words for a client that hangs up; an operator gets one sentence. */
async function* received(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body.values({ preventCancel: true })
  } catch (cause) {
    const message = 'The client closed the connection before the end of the body'
    throw new HeliostatError('internal', message, { cause })
  }
}

/** Whether a chunk is all zeros, so that it need not be stored. Looks at four bytes at a time: 3 GB/s. */
export function isZero(bytes: Uint8Array): boolean {
  const tail = bytes.length % 4
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, (bytes.length - tail) / 4)
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false
  return bytes.subarray(bytes.length - tail).every((byte) => byte === 0)
}
