const FIRST_BYTES = 64 << 10

/**
 * Bytes of which it is not known how many will come, in one buffer that doubles. However small the pieces are, the work
 * is linear, and nothing is kept of each piece.
 */
export interface Gathering {
  /** Bytes that were gathered since the last text was taken. */
  length(): number
  /** Throws where all of it together would be more than the limit. */
  add(bytes: Uint8Array): void
  /** The text that was gathered; what comes then is another one. */
  take(): string
}

export function createGathering(limit: number): Gathering {
  const decoder = new TextDecoder()
  let buffer = new Uint8Array(Math.min(FIRST_BYTES, limit))
  let length = 0

  function makeRoom(wanted: number): void {
    if (wanted <= buffer.length) return
    const larger = new Uint8Array(Math.min(limit, Math.max(wanted, buffer.length * 2)))
    larger.set(buffer.subarray(0, length))
    buffer = larger
  }

  return {
    length: () => length,

    add(bytes) {
      if (length + bytes.length > limit) throw new Error(`sends more than ${limit} bytes in one`)
      makeRoom(length + bytes.length)
      buffer.set(bytes, length)
      length += bytes.length
    },

    take() {
      const text = decoder.decode(buffer.subarray(0, length))
      length = 0
      return text
    },
  }
}
