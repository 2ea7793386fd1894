/** Remembers for a while what is nowhere to be had. */
export interface Absences {
  has(name: string): boolean
  add(name: string): void
  count(): number
}

export function createAbsences(milliseconds: number): Absences {
  // All last equally long, so the first is the first to be forgotten.
  const until = new Map<string, number>()

  function forgetOld(): void {
    for (const [name, end] of until) {
      if (end > performance.now()) return
      until.delete(name)
    }
  }

  return {
    has(name) {
      forgetOld()
      return until.has(name)
    },

    add(name) {
      forgetOld()
      until.delete(name)
      until.set(name, performance.now() + milliseconds)
    },

    count: () => until.size,
  }
}
