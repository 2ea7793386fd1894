import { ALL_ONES, type Field, HUGE, mutateFields, put, setField } from './fields.ts'
import type { Random } from './random.ts'

const QCOW2: readonly Field[] = [
  { at: 0, bytes: 4, values: [0x514649fb, 0x514649fb, 0x514649fa, 0] },
  { at: 4, bytes: 4, values: [0, 1, 2, 3, 4, 0xffffffff] },
  { at: 8, bytes: 8, values: [0, 1, 72, 2048, HUGE, ALL_ONES] },
  { at: 16, bytes: 4, values: [0, 10, 1023, 1024, 0xffffffff] },
  { at: 20, bytes: 4, values: [0, 8, 9, 12, 16, 21, 22, 64] },
  { at: 24, bytes: 8, values: [0, 512, 4_194_304, 1n << 40n, HUGE] },
  { at: 32, bytes: 4, values: [0, 1, 2, 3] },
  { at: 36, bytes: 4, values: [0, 1, 0xffffffff] },
  { at: 60, bytes: 4, values: [0, 1, 65_537] },
  { at: 72, bytes: 8, values: [0, 1, 2, 4, 5, 8, 16, 32, 1n << 63n] },
  { at: 80, bytes: 8, values: [0, 1, ALL_ONES] },
  { at: 88, bytes: 8, values: [0, 1, 2, 3] },
  { at: 100, bytes: 4, values: [0, 72, 104, 112, 120, 65_536, 0xffffffff] },
  { at: 104, bytes: 1, values: [0, 1, 2] },
]

const BACKING_FORMAT = 0xe2792aca
const FEATURE_NAMES = 0x6803f857
const DATA_FILE_NAME = 0x44415441
const NAME_AT = 2048

export function mutateQcow2(skeleton: Uint8Array, names: readonly string[], random: Random) {
  const bytes = skeleton.slice()
  const scenario = random.below(8)
  if (scenario <= 2) addBackingFile(bytes, random.pick(names))
  if (scenario === 3 || scenario === 4) setField(bytes, { at: 72, bytes: 8 }, 4, false)
  if (scenario >= 3 && scenario <= 6) writeExtensions(bytes, names, random)
  mutateFields(bytes, { fields: QCOW2, most: random.pick([0, 1, 2]), littleEndian: false }, random)
  return bytes
}

function addBackingFile(bytes: Uint8Array, name: string): void {
  put(bytes, NAME_AT, name)
  setField(bytes, { at: 8, bytes: 8 }, NAME_AT, false)
  setField(bytes, { at: 16, bytes: 4 }, name.length, false)
}

function writeExtensions(bytes: Uint8Array, names: readonly string[], random: Random): void {
  let offset = (bytes[7] ?? 3) < 3 ? 72 : new DataView(bytes.buffer).getUint32(100)
  const times = 1 + random.below(3)
  for (let time = 0; time < times; time++) {
    const type = random.pick([
      BACKING_FORMAT,
      FEATURE_NAMES,
      DATA_FILE_NAME,
      DATA_FILE_NAME,
      0x1234,
      0,
    ])
    const payload = type === BACKING_FORMAT ? random.pick(['', 'raw', 'vmdk']) : random.pick(names)
    const length = random.chance(0.9) ? payload.length : random.pick([0, 1, 4096, 0xffffffff])
    setField(bytes, { at: offset, bytes: 4 }, type, false)
    setField(bytes, { at: offset + 4, bytes: 4 }, length, false)
    put(bytes, offset + 8, payload)
    offset += 8 + Math.ceil(payload.length / 8) * 8
  }
  setField(bytes, { at: offset, bytes: 8 }, 0, false)
}

const QCOW: readonly Field[] = [
  { at: 0, bytes: 4, values: [0x514649fb, 0x514649fa, 0, 0x51464900] },
  { at: 4, bytes: 4, values: [0, 1, 2, 3] },
  { at: 8, bytes: 8, values: [0, 48, 2048, HUGE] },
  { at: 16, bytes: 4, values: [0, 10, 1023, 1024] },
  { at: 24, bytes: 8, values: [0, 2, 4_194_304, HUGE] },
  { at: 32, bytes: 1, values: [8, 9, 12, 16, 17] },
]

/** The format before qcow2, mostly with a backing file. */
export function mutateQcow(skeleton: Uint8Array, names: readonly string[], random: Random) {
  const bytes = new Uint8Array(4096)
  bytes.set(skeleton.subarray(0, 4096))
  // Its time of change: no two images are the same.
  setField(bytes, { at: 20, bytes: 4 }, random.below(2 ** 32), false)
  if (random.chance(0.7)) addBackingFile(bytes, random.pick(names))
  if (random.chance(0.1)) setField(bytes, { at: 0, bytes: 4 }, random.pick([0x514649fa, 0]), false)
  mutateFields(bytes, { fields: QCOW, most: 1, littleEndian: false }, random)
  return bytes
}

const QED: readonly Field[] = [
  { at: 0, bytes: 4, values: [0x00444551, 0x00444550, 0, 0x01444551] },
  { at: 4, bytes: 4, values: [0, 4096, 65_536] },
  { at: 12, bytes: 4, values: [0, 1, 2] },
  { at: 16, bytes: 8, values: [0, 1, 2, 4, 5, 8, ALL_ONES] },
  { at: 48, bytes: 8, values: [0, 512, 4_194_304, HUGE] },
  { at: 56, bytes: 4, values: [0, 64, NAME_AT] },
  { at: 60, bytes: 4, values: [0, 10, 1024] },
]

export function mutateQed(skeleton: Uint8Array, names: readonly string[], random: Random) {
  const bytes = skeleton.slice()
  const name = random.pick(names)
  // Features that a reader may overlook: no two images are the same.
  setField(bytes, { at: 24, bytes: 4 }, random.below(2 ** 32), true)
  if (random.chance(0.7)) {
    put(bytes, NAME_AT, name)
    setField(bytes, { at: 16, bytes: 8 }, random.pick([1, 5]), true)
    setField(bytes, { at: 56, bytes: 4 }, NAME_AT, true)
    setField(bytes, { at: 60, bytes: 4 }, name.length, true)
  }
  if (random.chance(0.1)) setField(bytes, { at: 0, bytes: 4 }, random.pick([0x01444551, 0]), true)
  mutateFields(bytes, { fields: QED, most: 1, littleEndian: true }, random)
  return bytes
}
