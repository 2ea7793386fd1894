/** More than a clock goes wrong between two looks. */
const TOLERANCE_MS = 2_000

/**
 * Whether the time can be believed by which processes tell each other that they live: not for `doubt` milliseconds after
 * it was set, or after this process was suspended, in which all of them tell it anew.
 */
export interface ClockWatch {
  /** False too where the time was told so slowly that nothing can be said of it. */
  isSteady(): Promise<boolean>
}

/** `wall` is the clock that is watched, which may be another machine's. */
export function createClockWatch(
  doubt: number,
  wall: () => Promise<number>,
  monotonic: () => number = () => performance.now(),
): ClockWatch {
  /** As of the last look; null before the first. */
  let difference: number | null = null
  let doubtUntil = 0
  return {
    async isSteady() {
      const asked = monotonic()
      const told = await wall()
      const now = monotonic()
      if (now - asked > TOLERANCE_MS) return false
      const changed = Math.abs(told - now - (difference ?? told - now))
      difference = told - now
      if (changed > TOLERANCE_MS) doubtUntil = now + doubt
      return now >= doubtUntil
    },
  }
}
