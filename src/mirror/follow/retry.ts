const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 300_000

/** When to ask again for what could not be had: after a pause that grows, and begins anew where it has become another. */
export interface Retry {
  /** Seconds until it is due, at least one. */
  seconds(): number
  /** Whether it is due now, which is said once: the next pause is longer. */
  isDue(): boolean
  /** Plans for so many things that are lacking. */
  plan(count: number): void
}

export function createRetry(): Retry {
  let lacking = 0
  let pause = FIRST_PAUSE_MS
  let dueAt = Infinity

  return {
    seconds: () => Math.max(1, Math.ceil((dueAt - performance.now()) / 1000)),

    isDue() {
      if (performance.now() < dueAt) return false
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
      dueAt = performance.now() + pause
      return true
    },

    plan(count) {
      if (count === lacking) return
      lacking = count
      pause = FIRST_PAUSE_MS
      dueAt = count === 0 ? Infinity : performance.now() + pause
    },
  }
}
