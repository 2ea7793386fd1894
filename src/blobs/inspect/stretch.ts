/** Where a part of an image lies, in bytes. */
export interface Place {
  start: number
  length: number
}

/** Keeps one part of a stream, or what there is of it, while chunks go by. */
export interface Stretch {
  take(chunk: Uint8Array): void
  bytes(): Uint8Array
}

export function createStretch({ start, length }: Place): Stretch {
  let position = 0
  let kept: Uint8Array = new Uint8Array()

  return {
    take(chunk) {
      const from = Math.max(start - position, 0)
      const to = Math.min(start + length - position, chunk.length)
      if (from < to) kept = concatenate(kept, chunk.subarray(from, to))
      position += chunk.length
    },
    bytes: () => kept,
  }
}

export function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
