import { HeliostatError } from '../errors.ts'
import type { ChunkBuffers, Lease } from './chunk-buffers.ts'
import { createChunkFill } from './chunk-fill.ts'

/** How long a client may send nothing: longer than any network stutters, and than the usual proxies wait. */
const SILENCE_MS = 120_000

/**
 * Cuts a body into chunks of exactly `chunkSize` bytes (the last is shorter). Whoever gets a chunk has to release it;
 * until he does the next one fills in other memory, and there is no third. A consumer that stops early leaves the rest
 * of the body unread, not cancelled: that would cut the connection.
 */
export async function* cutChunks(
  body: ReadableStream<Uint8Array>,
  chunkSize: number,
  buffers: Pick<ChunkBuffers, 'take' | 'offer' | 'spool'>,
  silence: number = SILENCE_MS,
): AsyncGenerator<Lease> {
  let fill = createChunkFill(chunkSize, buffers)
  try {
    for await (const bytes of received(body, silence)) {
      for (let taken = 0; taken < bytes.length;) {
        const part = bytes.subarray(taken, taken + chunkSize - fill.length())
        await fill.add(part)
        taken += part.length
        if (fill.length() < chunkSize) continue
        yield await fill.take()
        await fill.end()
        fill = createChunkFill(chunkSize, buffers)
      }
    }
    if (fill.length() > 0) yield await fill.take()
  } finally {
    await fill.end()
  }
}

/** The body as it comes in. One that breaks off stays locked, since a read of it may be under way for ever. */
async function* received(
  body: ReadableStream<Uint8Array>,
  silence: number,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  let waiting = false
  try {
    for (;;) {
      waiting = true
      const { done, value } = await readWithin(reader, silence)
      waiting = false
      if (done) return
      yield value
    }
  } finally {
    if (!waiting) reader.releaseLock()
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Runtimes have many words for a client that hangs up; an operator gets one sentence. */
function readWithin(reader: Reader, milliseconds: number): ReturnType<Reader['read']> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const message = `The client sent nothing of the body for ${milliseconds / 1000} s`
      reject(new HeliostatError('invalid', message))
    }, milliseconds)
    reader.read().then(
      (part) => {
        clearTimeout(timer)
        resolve(part)
      },
      (cause: unknown) => {
        clearTimeout(timer)
        const message = 'The client closed the connection before the end of the body'
        reject(new HeliostatError('internal', message, { cause }))
      },
    )
  })
}

/** Whether a chunk is all zeros, so that it need not be stored. Looks at four bytes at a time: 3 GB/s. */
export function isZero(bytes: Uint8Array): boolean {
  const tail = bytes.length % 4
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, (bytes.length - tail) / 4)
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false
  return bytes.subarray(bytes.length - tail).every((byte) => byte === 0)
}
