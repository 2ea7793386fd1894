import type { Span } from '../store.ts'
import type { Reader } from './readers.ts'

const PIECE = 2 << 20
const ZEROS = Buffer.alloc(PIECE)

/**
 * The span of an image, read piece by piece as it is wanted. An image that is deleted meanwhile reads as zeros, so
 * whoever reads nothing else asks `isThere` whether it is one still.
 */
export function streamSpan(
  { image, release }: Reader,
  { offset, length }: Span,
  isThere: (id: string) => Promise<boolean>,
): ReadableStream<Uint8Array> {
  const piece = Math.min(PIECE, image.objectSize)
  const end = offset + length
  let position = offset
  let left = false

  async function next(): Promise<Uint8Array> {
    // Not across objects, each of which may be gone by itself.
    const until = Math.min(end, position - (position % piece) + piece)
    const bytes = Buffer.allocUnsafeSlow(until - position)
    await image.read(position, bytes)
    if (
      ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0 &&
      !(await isThere(image.id))
    ) {
      throw new Error('The image was deleted while it was read')
    }
    position = until
    return bytes
  }

  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const bytes = await next()
          if (left) return
          controller.enqueue(bytes)
        } catch (error) {
          release()
          throw error
        }
        if (position < end) return
        release()
        controller.close()
      },

      cancel() {
        left = true
        release()
      },
    },
    { highWaterMark: 0 },
  )
}
