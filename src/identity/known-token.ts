import type { VouchedToken } from './vouched-token.ts'

/**
 * A token as this process knows it. The wall clock may be set while it is remembered, and between a restart and what was
 * written down before, so two times are also those of `performance.now()`, which only goes on.
 */
export interface KnownToken extends VouchedToken {
  /** When this process has heard of it. */
  heardAt: number
  /** When it expires, as far as could be told then. */
  endsAt: number
}

export function knownToken(token: VouchedToken): KnownToken {
  const heardAt = performance.now()
  // A clock that says less than when the token was validated has been set back: it is at least that late.
  const now = Math.max(Date.now(), token.validatedAt)
  return { ...token, heardAt, endsAt: heardAt + (token.expiresAt - now) }
}

/** Whether it was validated within that time (ms): by both clocks, and not in the future. */
export function isFresh({ validatedAt, heardAt }: KnownToken, time: number): boolean {
  const age = Date.now() - validatedAt
  return age >= 0 && age < time && performance.now() - heardAt < time
}

/** Whether one of the clocks says so. */
export function hasExpired({ expiresAt, endsAt }: KnownToken): boolean {
  return expiresAt <= Date.now() || endsAt <= performance.now()
}
