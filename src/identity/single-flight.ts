import { inTime, LATE } from '../in-time.ts'

/** The answer that is under way for the key, otherwise that of `ask`. */
type Share<T> = (key: string, ask: () => Promise<T>) => Promise<T>

/**
 * Lets those who ask the same at the same time share one answer, also when it is a failure. A Worker may break an
 * answer off together with the request that began it, so nobody waits longer than `patience` (ms) for another's.
 */
export function createSingleFlight<T>(patience: number): Share<T> {
  const flights = new Map<string, Promise<T>>()

  function start(key: string, ask: () => Promise<T>): Promise<T> {
    const flight = ask().finally(() => {
      if (flights.get(key) === flight) flights.delete(key)
    })
    flights.set(key, flight)
    return flight
  }

  return async function share(key, ask) {
    const running = flights.get(key)
    const answer = running ? await inTime(running, patience) : LATE
    return answer === LATE ? start(key, ask) : answer
  }
}
