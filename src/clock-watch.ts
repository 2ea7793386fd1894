/** More than a clock goes wrong between two looks. */
const TOLERANCE_MS = 2_000

/**
 * Whether the time of day can be believed by which processes tell each other that they live: not for `doubt`
 * milliseconds after it was set, or after this process was suspended, in which all of them tell it anew.
 */
export interface ClockWatch {
  isSteady(): boolean
}

export function createClockWatch(
  doubt: number,
  wall: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): ClockWatch {
  let difference = wall() - monotonic()
  let doubtUntil = 0
  return {
    isSteady() {
      const now = monotonic()
      const changed = Math.abs(wall() - now - difference)
      difference = wall() - now
      if (changed > TOLERANCE_MS) doubtUntil = now + doubt
      return now >= doubtUntil
    },
  }
}
