import type { OpenChunk } from './local/store.ts'
import type { Span } from './store.ts'

const READ_SIZE = 1 << 20

/** A pull stream over a part of a chunk. It lets go of the chunk at the end, on an error, and when it is cancelled. */
export function chunkStream(
  chunk: OpenChunk,
  { offset, length }: Span,
): ReadableStream<Uint8Array> {
  let position = offset
  const end = offset + length
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const bytes = await readAt(chunk, position, Math.min(READ_SIZE, end - position))
          position += bytes.length
          if (bytes.length > 0) controller.enqueue(bytes)
          else if (position < end) throw new Error(`Chunk ended at ${position} of ${end}`)
          if (position < end) return
          chunk.release()
          controller.close()
        } catch (error) {
          chunk.release()
          throw error
        }
      },
      cancel: () => chunk.release(),
    },
    { highWaterMark: 0 },
  )
}

async function readAt(chunk: OpenChunk, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  return length === 0 ? buffer : buffer.subarray(0, await chunk.read(buffer, position))
}
