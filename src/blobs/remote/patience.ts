import { sleep } from '../../sleep.ts'

/** How long a server is waited for and how often it is asked again; times in milliseconds. */
export interface Patience {
  attempts: number
  /** Doubles from one to the next; half of it is left to chance. */
  firstPause: number
  /** Whatever the server may ask for. */
  longestPause: number
  /** No attempt begins later than this. */
  total: number
  /** For the head of an answer. */
  head: number
  /** In each of these, so many bytes of its body have to come. */
  idle: number
  least: number
}

/** Short enough for a reader who may have the bytes from another store. */
export const PATIENCE: Patience = {
  attempts: 5,
  firstPause: 200,
  longestPause: 10_000,
  total: 30_000,
  head: 20_000,
  idle: 20_000,
  least: 160 << 10,
}

export interface Failure {
  /** Whether the same may go well a moment later. */
  isPassing: boolean
  /** When to ask again, in milliseconds, where the server says so. */
  retryAfter: number | null
}

/** Not implemented, HTTP version, no room. */
const LASTING = [501, 505, 507]

/** Whether a server that fails so may be well a moment later. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && !LASTING.includes(status))
}

/** Milliseconds; null where another attempt would not help, or enough have been made. */
export function pauseBefore(
  made: number,
  { isPassing, retryAfter }: Failure,
  {
    attempts,
    firstPause,
    longestPause,
  }: Pick<Patience, 'attempts' | 'firstPause' | 'longestPause'>,
): number | null {
  if (made >= attempts || !isPassing) return null
  if (retryAfter !== null) return Math.min(retryAfter, longestPause)
  return Math.min(firstPause * 2 ** (made - 1), longestPause) * (0.5 + Math.random() / 2)
}

export interface Persistence {
  signal?: AbortSignal | undefined
  /** Milliseconds after which no attempt begins. */
  total: number
  /** How long to wait when so many attempts have been made, the last with this failure; null for giving up. */
  pauseAfter(error: unknown, made: number): number | null
}

/** Does again what failed, for as long as that may help and the signal says nothing. */
export async function persist<T>(
  work: () => Promise<T>,
  { signal = new AbortController().signal, total, pauseAfter }: Persistence,
): Promise<T> {
  const giveUpAt = performance.now() + total
  for (let made = 1; ; made++) {
    try {
      return await work()
    } catch (error) {
      const pause = pauseAfter(error, made)
      if (pause === null || performance.now() + pause > giveUpAt || signal.aborted) throw error
      await sleep(pause, signal)
    }
  }
}

/** Bytes a millisecond (1 Mbit/s) that an upload may be held to. */
const SLOWEST = 128

/** The milliseconds that the body of a request takes on a slow line. */
export function allowanceFor(body: Uint8Array | undefined): number {
  return (body?.length ?? 0) / SLOWEST
}

/** When to ask again, in milliseconds: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function retryAfterOf(headers: Headers): number | null {
  const value = headers.get('Retry-After') ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const time = Date.parse(value)
  return Number.isNaN(time) ? null : Math.max(0, time - Date.now())
}
