/** The candidate that is most like a mistyped word; null where none is so like it that it may have been meant. */
export function closest(word: string, candidates: readonly string[]): string | null {
  let found: string | null = null
  let least = Math.min(2, Math.floor(word.length / 4)) + 1
  for (const candidate of candidates) {
    const distance = distanceOf(word, candidate)
    if (distance >= least) continue
    found = candidate
    least = distance
  }
  return found
}

/** How many letters have to be put in, taken out, replaced, or exchanged with their neighbours. */
function distanceOf(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > 2) return Infinity
  let before: number[] = []
  let above = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const cost = one[row - 1] === other[column - 1] ? 0 : 1
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      current[column] = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + cost,
        row > 1 && column > 1 && isSwapped ? (before[column - 2] ?? 0) + 1 : Infinity,
      )
    }
    before = above
    above = current
  }
  return above[other.length] ?? 0
}
