import type { SwiftError } from './failure.ts'

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

/** Null where another attempt would not help, or enough have been made. */
export function pauseBefore(
  attempt: number,
  error: SwiftError,
  { attempts, firstPause, longestPause }: Patience,
): number | null {
  if (attempt >= attempts || !error.isPassing) return null
  if (error.retryAfter !== null) return Math.min(error.retryAfter, longestPause)
  return Math.min(firstPause * 2 ** (attempt - 1), longestPause) * (0.5 + Math.random() / 2)
}
