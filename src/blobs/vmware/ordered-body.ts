/** What is copied at once. */
const PIECE = 1 << 20
/** What may wait for the bytes before it: so much, or eight parts of any size. */
const MAX_WAITING = 64 << 20
const MAX_PARTS = 8

/** The body of a request, out of parts that come in another order, and of zeros where there are none. */
export interface OrderedBody {
  readonly stream: ReadableStream<Uint8Array>
  /**
   * Resolves when the bytes are the caller's again. Some parts may overtake another: once more of them wait than there
   * is room for, what is missing before them is zeros.
   */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** All has been written. */
  end(size: number): void
  /** The request has been answered. */
  answered(): void
  /** The request has failed: so does all that is written from now on. */
  fail(reason: unknown): void
}

/** `stalled` is called when nothing was taken of what is there, or no answer came to all of it, for `idle` ms. */
export function createOrderedBody(idle: number, stalled: () => void): OrderedBody {
  const queue = createQueue()
  const waiters: (() => void)[] = []
  let failure: { reason: unknown } | null = null
  let isAnswered = false
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Something has changed. */
  function wake(): void {
    clearTimeout(timer)
    if (failure === null && !isAnswered && queue.next() !== null) timer = setTimeout(stalled, idle)
    for (const resolve of waiters.splice(0)) resolve()
  }

  async function until(isSo: () => boolean): Promise<void> {
    for (;;) {
      if (failure) throw failure.reason
      if (isSo()) return
      await new Promise<void>((resolve) => waiters.push(resolve))
    }
  }

  return {
    stream: new ReadableStream(
      {
        async pull(controller) {
          await until(() => queue.next() !== null)
          const bytes = queue.take()
          if (bytes.length === 0) controller.close()
          else controller.enqueue(bytes)
          wake()
        },
      },
      { highWaterMark: 0 },
    ),

    async write(offset, bytes) {
      if (failure) throw failure.reason
      if (bytes.length === 0) return
      const isDone = queue.add(offset, bytes)
      wake()
      await until(isDone)
    },

    end(total) {
      queue.end(total)
      wake()
    },

    answered() {
      // With a known length that may be before the end is told.
      isAnswered = true
      wake()
    },

    fail(reason) {
      failure ??= { reason }
      wake()
    },
  }
}

interface Part {
  bytes: Uint8Array
  isCopy: boolean
}

/** What is to be sent, by its offset. */
function createQueue() {
  const parts = new Map<number, Part>()
  let position = 0
  let waiting = 0
  let largest = 0
  let size: number | null = null

  const isFull = () => waiting > Math.max(MAX_WAITING, MAX_PARTS * largest)

  /** What comes next, at most a piece, and none at the end. A number is so many zeros; null is not known yet. */
  function next(): Uint8Array | number | null {
    for (const [offset, { bytes }] of parts) {
      const from = position - offset
      if (from >= 0) return bytes.subarray(from, from + PIECE)
    }
    if (size === null && !isFull()) return null
    const following = Math.min(...parts.keys(), size ?? Infinity)
    return Math.min(PIECE, following - position)
  }

  return {
    next,

    take(): Uint8Array {
      const found = next() ?? 0
      const bytes = typeof found === 'number' ? new Uint8Array(found) : found.slice()
      position += bytes.length
      for (const [offset, part] of parts) {
        if (offset + part.bytes.length > position) continue
        parts.delete(offset)
        if (part.isCopy) waiting -= part.bytes.length
      }
      return bytes
    },

    /** Tells when the bytes are no longer needed, or there is room for more. */
    add(offset: number, bytes: Uint8Array): () => boolean {
      if (offset < position) throw new Error('A part came so late that it has been sent as zeros')
      largest = Math.max(largest, bytes.length)
      const isCopy = offset > position
      if (isCopy) waiting += bytes.length
      parts.set(offset, { bytes: isCopy ? bytes.slice() : bytes, isCopy })
      return () => (isCopy ? !isFull() : !parts.has(offset))
    },

    end(total: number): void {
      size = total
    },
  }
}
