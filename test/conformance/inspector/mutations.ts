import { ALL_ONES, HUGE, joined, resized, setField } from './fields.ts'
import type { Random } from './random.ts'

type Mutation = (bytes: Uint8Array, other: Uint8Array, random: Random) => Uint8Array

const EDGES: readonly (number | bigint)[] = [
  0,
  1,
  2,
  4,
  0x7f,
  0x80,
  0xff,
  511,
  512,
  513,
  0xffff,
  0x10000,
  1 << 20,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  HUGE,
  ALL_ONES,
]
const WIDTHS = [1, 2, 4, 8] as const
const LENGTHS = [0, 1, 3, 4, 63, 72, 104, 511, 512, 513, 1024, 1535, 1536, 1537, 4096, 65_536]
const MIB = 1024 * 1024
/** Header fields lie here, mostly, or at the end of the file. */
const REACHES = [16, 128, 512, 640, 2048, 4096]

function place(bytes: Uint8Array, random: Random): number {
  const reach = Math.min(random.pick(REACHES), bytes.length)
  const kind = random.below(10)
  if (kind === 0) return Math.max(bytes.length - 1 - random.below(1536), 0)
  return kind === 1 ? random.below(Math.max(bytes.length, 1)) : random.below(Math.max(reach, 1))
}

const flipBits: Mutation = (bytes, _, random) => {
  const copy = bytes.slice()
  const times = 1 + random.below(8)
  for (let time = 0; time < times; time++) {
    const at = place(copy, random)
    if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  }
  return copy
}

const writeEdge: Mutation = (bytes, _, random) => {
  const copy = bytes.slice()
  const times = 1 + random.below(3)
  for (let time = 0; time < times; time++) {
    const width = random.pick(WIDTHS)
    const at = Math.floor(place(copy, random) / width) * width
    setField(copy, { at, bytes: width }, random.pick(EDGES), random.chance(0.5))
  }
  return copy
}

const truncate: Mutation = (bytes, _, random) =>
  bytes.slice(0, random.chance(0.5) ? random.pick(LENGTHS) : random.below(bytes.length + 1))

const splice: Mutation = (bytes, other, random) => {
  const at = random.chance(0.5) ? random.pick(LENGTHS) : place(bytes, random)
  const from = random.chance(0.5) ? at : 0
  return joined(bytes.subarray(0, at), other.subarray(from))
}

const append: Mutation = (bytes, other, random) =>
  joined(bytes, random.chance(0.5) ? other.subarray(-1536) : other)

const overlay: Mutation = (bytes, other, random) => {
  const length = random.pick([8, 72, 512, 1024])
  const copy = resized(bytes, Math.max(bytes.length, 4096))
  copy.set(other.subarray(0, length), random.pick([0, 64, 512, 1024]))
  return copy
}

/** What is elsewhere in an image moves behind the first MiB, or the end of the image does. */
const stretch: Mutation = (bytes, _, random) => {
  const size = random.pick([1, 512, MIB - 512, MIB, 2 * MIB + 511])
  const at = random.chance(0.5) ? bytes.length : Math.max(bytes.length - 1536, 0)
  return joined(bytes.subarray(0, at), new Uint8Array(size), bytes.subarray(at))
}

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  flipBits,
  flipBits,
  writeEdge,
  writeEdge,
  writeEdge,
  truncate,
  splice,
  append,
  overlay,
]

export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutated = bytes
  const times = random.pick([0, 1, 1, 1, 2, 3])
  for (let time = 0; time < times; time++) mutated = random.pick(MUTATIONS)(mutated, other, random)
  return random.chance(0.05) ? stretch(mutated, other, random) : mutated
}

/** Puts the right checksum into each header of a tar: otherwise hardly a mutation gets behind it. */
export function withChecksums(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  for (let at = 0; at + 512 <= copy.length; at += 512) {
    const block = copy.subarray(at, at + 512)
    if (Buffer.from(block.subarray(257, 262)).toString('latin1') !== 'ustar') continue
    block.fill(0x20, 148, 156)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  }
  return copy
}
