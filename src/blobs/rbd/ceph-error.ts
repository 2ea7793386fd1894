import { getSystemErrorName } from 'node:util'

/** What librados or librbd could not do, with the number of the system's error. */
export class CephError extends Error {
  override readonly name = 'CephError'
  readonly errno: number

  constructor(message: string, errno: number) {
    super(message)
    this.errno = errno
  }
}

/** Returns what a function of C has returned, or throws where that is the number of an error, which is negative. */
export type Require = (result: number, what: string) => number

/** `where` is for the operator: which store it was. */
export function createRequire(where: string): Require {
  return (result, what) => {
    if (result >= 0) return result
    const errno = -result
    // Deno does not know them all.
    const name = getSystemErrorName(result) || `error ${errno}`
    throw new CephError(`Cannot ${what} ${where}: ${name}`, errno)
  }
}

export const ENOENT = 2
export const EACCES = 13
export const EBUSY = 16
export const EEXIST = 17
export const EINVAL = 22
export const ENOSPC = 28
export const ERANGE = 34
export const ENOTEMPTY = 39
export const ENOTCONN = 107
export const ESHUTDOWN = 108
export const ETIMEDOUT = 110
export const EDQUOT = 122
