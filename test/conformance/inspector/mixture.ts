import {
  GIB,
  isoHeader,
  PROTECTIVE,
  vdiHeader,
  vhdHeader,
  withPartitions,
} from '../../blobs/inspect/headers.ts'
import { joined, put, resized } from './fields.ts'
import type { Random } from './random.ts'
import { descriptorOf } from './vmdk-grammar.ts'

const MAGICS = [
  'KDMV',
  'COWD',
  'QFI\xfb\0\0\0\x02',
  'QED\0',
  'conectix',
  'vhdxfile',
  'LUKS\xba\xbe',
  'OOOM',
  '\0\0\0\0',
]
const LENGTHS = [0, 3, 4, 20, 72, 80, 104, 511, 512, 513, 1024, 4096, 65_536]

type Change = (bytes: Uint8Array, names: readonly string[], random: Random) => Uint8Array

function within(
  change: (bytes: Uint8Array, names: readonly string[], random: Random) => void,
): Change {
  return (bytes, names, random) => {
    const copy = resized(bytes, Math.max(bytes.length, 36 * 1024))
    change(copy, names, random)
    return copy
  }
}

/** What makes one image look like another as well, or ends it early or late. */
const CHANGES: readonly Change[] = [
  within((bytes, _, random) => put(bytes, 0, random.pick(MAGICS))),
  within((bytes) => bytes.set(vdiHeader().subarray(0x40, 0x54), 0x40)),
  within((bytes) => bytes.set(isoHeader().subarray(32_768), 32_768)),
  within((bytes) => bytes.set(withPartitions([PROTECTIVE]).subarray(446), 446)),
  within((bytes, names, random) => put(bytes, 512, descriptorOf(names, random))),
  within((bytes, names, random) => put(bytes, 0, descriptorOf(names, random))),
  (bytes, _, random) => joined(bytes, vhdHeader(BigInt(GIB), random.pick([2, 3, 4]))),
  (bytes, _, random) => resized(bytes, random.pick(LENGTHS)),
  (bytes, _, random) => resized(bytes, bytes.length + 1024 * 1024 + random.pick([0, 1, 511])),
  (bytes, _, random) => joined(new Uint8Array(random.pick([1, 512, 1024])), bytes),
]

export function mix(bytes: Uint8Array, names: readonly string[], random: Random): Uint8Array {
  const once = random.pick(CHANGES)(bytes, names, random)
  return random.chance(0.2) ? random.pick(CHANGES)(once, names, random) : once
}
