/** Does a piece of work when its turn has come. */
type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** Has so many pieces of work done at once; the others wait for their turn in the order in which they came. */
export function createTurns(atOnce: number): InTurn {
  const waiting: (() => void)[] = []
  let running = 0

  return async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running < atOnce) running++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
