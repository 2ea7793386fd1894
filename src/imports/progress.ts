const MIB = 1024 * 1024

/** How far an import is, as its task's message tells. */
export interface ByteProgress {
  done: number
  /** Null where nobody has said how many there are. */
  total: number | null
}

/** Glance's words, and what they leave open. */
export function describeProgress({ done, total }: ByteProgress): string {
  const copied = `Copied ${Math.floor(done / MIB)} MiB`
  if (total === null) return copied
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
  return `${copied} of ${Math.ceil(total / MIB)} MiB (${percent} %)`
}

export interface Watch {
  signal: AbortSignal
  count(bytes: number): void
  /** It was the source that failed. */
  broken(error: unknown): void
}

/**
 * The same bytes, counted as they are read. It fails as soon as the signal is given, also while the next ones are
 * waited for.
 */
export function watched(
  body: ReadableStream<Uint8Array>,
  watch: Watch,
): ReadableStream<Uint8Array> {
  const { signal, count, broken } = watch
  const reader = body.getReader()
  let stop: (() => void) | null = null
  const end = () => {
    if (stop) signal.removeEventListener('abort', stop)
  }
  return new ReadableStream(
    {
      start(controller) {
        stop = () => {
          controller.error(signal.reason)
          void reader.cancel(signal.reason).catch(() => undefined)
        }
        signal.addEventListener('abort', stop)
        if (signal.aborted) stop()
      },

      async pull(controller) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          broken(error)
          throw error
        })
        if (signal.aborted) return
        if (!done) {
          count(value.length)
          return controller.enqueue(value)
        }
        end()
        controller.close()
      },

      cancel(reason) {
        end()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
