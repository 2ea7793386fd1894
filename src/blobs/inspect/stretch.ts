/** Keeps one stretch of a stream, of `length` bytes from `start` or what there is of them, while chunks go by. */
export interface Stretch {
  take(chunk: Uint8Array): void
  bytes(): Uint8Array
}

export function createStretch(start: number, length: number): Stretch {
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
