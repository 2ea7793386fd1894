import { isZero } from '../chunks.ts'

/** One thing of a tar that comes next, in whatever pieces. */
export interface Stage {
  /** Takes from the front of what has come, and answers how many bytes. */
  take(bytes: Uint8Array): number
  /** What the tar would be cut off within if it ended here, `null` where it may end. */
  missing(): string | null
}

/** Calls `then` with a copy of the next bytes, for which there has to be room. */
export function collecting(size: number, what: string, then: (bytes: Uint8Array) => void): Stage {
  const kept = new Uint8Array(size)
  let filled = 0
  return {
    take(bytes) {
      const taken = bytes.subarray(0, size - filled)
      kept.set(taken, filled)
      filled += taken.length
      if (filled === size) then(kept)
      return taken.length
    },
    missing: () => (filled > 0 ? what : null),
  }
}

/** Lets the next bytes go by, without which a tar may end as well. */
export function skipping(size: number, then: () => void): Stage {
  let left = size
  return {
    take(bytes) {
      const taken = Math.min(left, bytes.length)
      left -= taken
      if (left === 0) then()
      return taken
    },
    missing: () => null,
  }
}

interface Passing {
  size: number
  what: string
  to: (bytes: Uint8Array) => void
  then: () => void
}

export function passing({ size, what, to, then }: Passing): Stage {
  let left = size
  return {
    take(bytes) {
      const taken = bytes.subarray(0, left)
      to(taken)
      left -= taken.length
      if (left === 0) then()
      return taken.length
    },
    missing: () => (left > 0 ? what : null),
  }
}

/** All that comes, which has to be zeros. */
export function zeros(otherwise: () => never): Stage {
  return {
    take(bytes) {
      if (!isBlank(bytes)) otherwise()
      return bytes.length
    },
    missing: () => null,
  }
}

/** Zeros are looked for in words, which begin at every fourth byte. */
function isBlank(bytes: Uint8Array): boolean {
  const odd = Math.min((4 - (bytes.byteOffset % 4)) % 4, bytes.length)
  if (bytes.subarray(0, odd).some((byte) => byte !== 0)) return false
  return odd === bytes.length || isZero(bytes.subarray(odd))
}
