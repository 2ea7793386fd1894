const POLL_MS = 100
/** Each look is a request then, which may be paid for. */
const REMOTE_POLL_MS = 1_000
/** More than edges that follow one site. Whoever comes then is answered at once. */
const MAX_WAITING = 10_000

interface Waiter {
  since: number
  /** By `performance.now()`. */
  end: number
  signal: AbortSignal
  resolve(): void
  reject(error: unknown): void
}

/**
 * Those who wait for the next change. The database is asked, not this process alone, since another one may have made
 * the change; but it is asked once for all of them.
 */
export interface Waits {
  /** Resolves when the last change is not `since`, or when the time is over or the signal aborted. */
  untilMoved(since: number, milliseconds: number, signal: AbortSignal): Promise<void>
  /** Answers all of them now, and whoever comes later at once. */
  end(): void
}

export function createWaits(latestSeq: () => Promise<number>, isFile: boolean): Waits {
  const waiting = new Set<Waiter>()
  let timer: ReturnType<typeof setTimeout> | null = null
  let closing = false

  function settle(isOver: (waiter: Waiter) => boolean): void {
    for (const waiter of waiting) {
      if (!isOver(waiter)) continue
      waiting.delete(waiter)
      waiter.resolve()
    }
  }

  async function look(): Promise<void> {
    try {
      const seq = await latestSeq()
      const now = performance.now()
      settle(({ since, end, signal }) => seq !== since || now >= end || signal.aborted)
    } catch (error) {
      for (const waiter of waiting) waiter.reject(error)
      waiting.clear()
    }
    timer = null
    if (waiting.size > 0) lookLater()
  }

  function lookLater(): void {
    timer ??= setTimeout(() => void look(), isFile ? POLL_MS : REMOTE_POLL_MS)
  }

  return {
    async untilMoved(since, milliseconds, signal) {
      const end = performance.now() + milliseconds
      if (closing || signal.aborted || (await latestSeq()) !== since || milliseconds <= 0) return
      if (closing || waiting.size >= MAX_WAITING) return
      await new Promise<void>((resolve, reject) => {
        waiting.add({ since, end, signal, resolve, reject })
        lookLater()
      })
    },

    end() {
      closing = true
      settle(() => true)
    },
  }
}
