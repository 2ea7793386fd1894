import { concatenate } from './streams.ts'

/** A body that is read in pieces of the reader's choice. */
export interface ByteReader {
  /** Exactly so many bytes, null where it ends before. */
  take(length: number): Promise<Uint8Array | null>
  /** The next bytes, at most so many; null at the end. They are valid until the next call. */
  some(most: number): Promise<Uint8Array | null>
  /** How many bytes were read of it. */
  position(): number
  cancel(reason: unknown): Promise<void>
}

export function createByteReader(body: ReadableStream<Uint8Array>): ByteReader {
  const reader = body.getReader()
  let left: Uint8Array = new Uint8Array()
  let position = 0

  async function some(most: number): Promise<Uint8Array | null> {
    while (left.length === 0) {
      const { done, value } = await reader.read()
      if (done) return null
      left = value
    }
    const part = left.subarray(0, most)
    left = left.subarray(part.length)
    position += part.length
    return part
  }

  return {
    some,
    async take(length) {
      const parts: Uint8Array[] = []
      let missing = length
      while (missing > 0) {
        const part = await some(missing)
        if (!part) return null
        parts.push(part.slice())
        missing -= part.length
      }
      return concatenate(parts)
    },
    position: () => position,
    cancel: (reason) => reader.cancel(reason),
  }
}
