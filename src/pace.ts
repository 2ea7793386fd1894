import { sleep } from './sleep.ts'

/** Waits until so many bytes may be fetched; those that are not wanted any more when their turn comes hold nobody up. */
type Pace = (bytes: number, isWanted: () => boolean) => Promise<void>

/**
 * Holds fetches to a rate in Mbit/s: each waits here before it begins. Once it begins, the next one waits for as long as
 * its bits take at that rate, however fast they come: 6.7 s for 8 MiB at 10 Mbit/s. All wait in one line, so the fetches
 * that run side by side share the rate.
 */
export function createPace(mbits: number, signal: AbortSignal): Pace {
  let endOfLine: Promise<void> = Promise.resolve()
  let nextMayBeginAt = 0

  async function waitAtHead(bytes: number, isWanted: () => boolean): Promise<void> {
    if (!isWanted()) return
    await sleep(nextMayBeginAt - performance.now(), signal)
    nextMayBeginAt = performance.now() + (bytes * 8) / (mbits * 1000)
  }

  return (bytes, isWanted) => {
    if (mbits < Infinity) endOfLine = endOfLine.then(() => waitAtHead(bytes, isWanted))
    return endOfLine
  }
}
