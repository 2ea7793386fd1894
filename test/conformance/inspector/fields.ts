import { latin1 } from '../../blobs/inspect/headers.ts'
import type { Random } from './random.ts'

/** A field of a header, with the values that are worth trying. */
export interface Field {
  at: number
  bytes: 1 | 2 | 4 | 8
  values: readonly (number | bigint)[]
}

export const HUGE = 0x7fffffffffffffffn
export const ALL_ONES = 0xffffffffffffffffn

export function put(bytes: Uint8Array, at: number, text: string): void {
  const end = Math.max(bytes.length - at, 0)
  bytes.set(latin1(text).subarray(0, end), Math.min(at, bytes.length))
}

/** Writes what fits: a shorter file is one of the mutations. */
export function setField(
  bytes: Uint8Array,
  { at, bytes: size }: Pick<Field, 'at' | 'bytes'>,
  value: number | bigint,
  littleEndian: boolean,
): void {
  const octets = Array.from({ length: size }, (_, index) =>
    Number((BigInt(value) >> BigInt(8 * index)) & 0xffn),
  )
  if (!littleEndian) octets.reverse()
  if (at + size <= bytes.length) bytes.set(octets, at)
}

/** Changes up to `most` of the fields. */
export function mutateFields(
  bytes: Uint8Array,
  { fields, most, littleEndian }: { fields: readonly Field[]; most: number; littleEndian: boolean },
  random: Random,
): void {
  const times = random.below(most + 1)
  for (let time = 0; time < times; time++) {
    const field = random.pick(fields)
    setField(bytes, field, valueOf(field, random), littleEndian)
  }
}

function valueOf({ bytes, values }: Field, random: Random): number | bigint {
  if (random.chance(0.7)) return random.pick(values)
  return Array.from({ length: bytes }).reduce(
    (before: bigint) => before * 256n + BigInt(random.below(256)),
    0n,
  )
}

export function resized(bytes: Uint8Array, length: number): Uint8Array {
  const other = new Uint8Array(length)
  other.set(bytes.subarray(0, length))
  return other
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
