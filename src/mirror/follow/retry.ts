const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 300_000

/** When to ask again for what could not be had: after a pause that grows, and begins anew where it has become another. */
export function createRetry() {
  let lacking = 0
  let pause = FIRST_PAUSE_MS
  let dueAt = Infinity

  return {
    /** Seconds until it is due, at least one. */
    seconds: () => Math.max(1, Math.ceil((dueAt - performance.now()) / 1000)),

    /** Whether it is due now, which is said once: the next pause is longer. */
    isDue(): boolean {
      if (performance.now() < dueAt) return false
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
      dueAt = performance.now() + pause
      return true
    },

    /** Plans for so many things that are lacking. */
    plan(count: number): void {
      if (count === lacking) return
      lacking = count
      pause = FIRST_PAUSE_MS
      dueAt = count === 0 ? Infinity : performance.now() + pause
    },
  }
}
