/**
 * Memory that is used again and again for chunks: as garbage, so much of it may stay for gigabytes. There is never more
 * of it than was in use at once.
 */
export interface ReusedMemory {
  /** What is in it is left from another. */
  take(size: number): Uint8Array
  /**
   * Takes back what `take` has given, once nothing writes it any more. Whoever still reads it has to stop at `retaken`.
   */
  giveBack(memory: Uint8Array, retaken?: () => void): void
  /** Lends it for as long as something is done with it. */
  lend<T>(size: number, use: (memory: Uint8Array) => Promise<T>): Promise<T>
}

interface Idle {
  buffer: ArrayBufferLike
  retaken(): void
}

export function createReusedMemory(
  allocate: (size: number) => Uint8Array<ArrayBufferLike>,
): ReusedMemory {
  /** The smallest first, of equal ones the one that has been idle for longest. */
  const idle: Idle[] = []

  function take(size: number): Uint8Array {
    const fits = idle.findIndex(({ buffer }) => buffer.byteLength >= size)
    // In place of one that is too small there is the larger one from now on.
    const [found] = idle.splice(fits < 0 ? 0 : fits, 1)
    found?.retaken()
    return found && fits >= 0 ? new Uint8Array(found.buffer, 0, size) : allocate(size)
  }

  function giveBack({ buffer }: Uint8Array, retaken = () => {}): void {
    const larger = idle.findIndex((other) => other.buffer.byteLength > buffer.byteLength)
    idle.splice(larger < 0 ? idle.length : larger, 0, { buffer, retaken })
  }

  return {
    take,
    giveBack,
    async lend(size, use) {
      const memory = take(size)
      try {
        return await use(memory)
      } finally {
        giveBack(memory)
      }
    },
  }
}
