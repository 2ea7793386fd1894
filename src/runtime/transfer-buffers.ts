const LARGEST = 512 << 10
const SMALLEST = 4 << 10
/** Bodies up to this are read as a whole: the read of a larger one would hold up other requests. */
const SHORT = 64 << 10
/** What the transfers may have together before new ones get smaller buffers. */
const AMPLE = 32 << 20
/** The buffers of so many take 176 MiB at the most. */
const MOST_TRANSFERS = 8192

/**
 * Reused buffers for bodies, two a transfer. Each doubling of the transfers halves the buffers of those that come then:
 * 32 of them have 32 MiB, 64 of them 48 MiB, 2,048 of them 128 MiB.
 */
export interface TransferBuffers {
  /** Whether one more would be too many. */
  isFull(): boolean
  /** Whether a body of so many bytes is sent from one buffer, without more memory than any other transfer has. */
  isShort(length: number): boolean
  /** The size of a buffer for so many bytes. */
  sizeFor(length: number): number
  /** The size in bytes of this transfer's buffers. */
  begin(): number
  end(): void
  take(size: number): Buffer<ArrayBuffer>
  /** Takes back a buffer that nothing reads or writes any more. */
  giveBack(buffer: Buffer<ArrayBuffer>): void
}

export function createTransferBuffers(): TransferBuffers {
  const idle = new Map<number, Buffer<ArrayBuffer>[]>()
  let transfers = 0

  function sizeForOneMore(): number {
    let size = LARGEST
    while (size > SMALLEST && 2 * transfers * size > AMPLE) size /= 2
    return size
  }

  return {
    isFull: () => transfers >= MOST_TRANSFERS,
    isShort: (length) => length <= SHORT && length <= sizeForOneMore(),

    sizeFor(length) {
      let size = SMALLEST
      while (size < length) size *= 2
      return size
    },

    begin() {
      transfers += 1
      return sizeForOneMore()
    },
    end() {
      transfers -= 1
    },
    take: (size) => idle.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size),
    giveBack(buffer) {
      const alike = idle.get(buffer.length) ?? []
      if (alike.length * buffer.length >= AMPLE) return
      idle.set(buffer.length, alike)
      alike.push(buffer)
    },
  }
}
