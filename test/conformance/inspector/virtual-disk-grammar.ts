import { GIB, vhdHeader } from '../../blobs/inspect/headers.ts'
import { ALL_ONES, type Field, HUGE, joined, mutateFields, put, setField } from './fields.ts'
import type { Random } from './random.ts'

const VHD: readonly Field[] = [
  { at: 0, bytes: 1, values: [0x63, 0x43, 0] },
  { at: 12, bytes: 4, values: [0x10000, 0x20000] },
  { at: 16, bytes: 8, values: [0, 512, 1024, HUGE, ALL_ONES] },
  { at: 40, bytes: 8, values: [0, 512, 4_194_304, HUGE] },
  { at: 48, bytes: 8, values: [0, 4_194_304, HUGE] },
  { at: 60, bytes: 4, values: [0, 1, 2, 3, 4, 4, 4, 5, 6] },
  { at: 512, bytes: 1, values: [0x63, 0] },
  { at: 512 + 32, bytes: 4, values: [512, 2_097_152, 3] },
  { at: 512 + 40, bytes: 8, values: [0, 1, ALL_ONES] },
  { at: 512 + 64, bytes: 8, values: [0, 0x0073006500630072n] },
  { at: 512 + 576, bytes: 4, values: [0, 0x57326b75, 0x57327275] },
]

export function mutateVhd(skeleton: Uint8Array, _: readonly string[], random: Random): Uint8Array {
  const bytes = skeleton.slice()
  mutateFields(bytes, { fields: VHD, most: random.pick([0, 1, 3]), littleEndian: false }, random)
  // The time of its making: no two images are the same.
  setField(bytes, { at: 24, bytes: 4 }, random.below(2 ** 32), false)
  if (random.chance(0.6)) setField(bytes, { at: 60, bytes: 4 }, 4, false)
  const footer = vhdHeader(BigInt(GIB), random.chance(0.2) ? random.pick([2, 3]) : 4)
  return random.chance(0.7)
    ? joined(bytes, footer, new Uint8Array(random.pick([0, 0, 1, 88])))
    : bytes
}

const VDI: readonly Field[] = [
  { at: 0x40, bytes: 4, values: [0xbeda107f, 0xbeda107e, 0] },
  { at: 0x44, bytes: 4, values: [0, 1, 0x10000, 0x10001, 0x10002, 0x20001] },
  { at: 0x4c, bytes: 4, values: [0, 1, 2, 3, 4, 4, 5] },
  { at: 0x154, bytes: 4, values: [0, 512, 513] },
  { at: 0x170, bytes: 8, values: [0, 512, 4_194_304, HUGE] },
  { at: 0x178, bytes: 4, values: [0, 1_048_576] },
  { at: 0x188, bytes: 8, values: [0, 1] },
  { at: 0x1a8, bytes: 8, values: [0, 1, ALL_ONES] },
  { at: 0x1b8, bytes: 8, values: [0, 1, ALL_ONES] },
  { at: 0x1c0, bytes: 8, values: [0, 1] },
]

export function mutateVdi(skeleton: Uint8Array, _: readonly string[], random: Random): Uint8Array {
  const bytes = skeleton.slice()
  // Its description: no two images are the same.
  setField(bytes, { at: 0x54, bytes: 4 }, random.below(2 ** 32), true)
  if (random.chance(0.8))
    setField(bytes, { at: random.pick([0x4c, 0x1a8, 0x1b8]), bytes: 4 }, 4, true)
  mutateFields(bytes, { fields: VDI, most: random.pick([0, 1, 2, 3]), littleEndian: true }, random)
  return bytes
}

const PARENT_LOCATOR = '\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c'
const REGION_TABLES = [0x30000, 0x40000] as const

/** qemu opens no VHDX with a parent; others do. */
export function mutateVhdx(skeleton: Uint8Array, _: readonly string[], random: Random): Uint8Array {
  const bytes = skeleton.slice()
  const metadata = Buffer.from(bytes.buffer).indexOf('metadata')
  const items = Array.from({ length: 5 }, (_item, index) => metadata + 32 * (index + 1))
  // The parameters of the file are its first item.
  const parameters = { at: metadata + 0x10004, bytes: 4 } as const
  if (random.chance(0.7)) setField(bytes, parameters, random.pick([1, 2, 2, 3]), true)
  if (random.chance(0.5)) put(bytes, random.pick(items), PARENT_LOCATOR)
  if (random.chance(0.4)) mutateRegionTable(bytes, random)
  const fields: readonly Field[] = [
    { at: metadata + 10, bytes: 2, values: [0, 1, 5, 2047, 2048] },
    ...items.map((item) => ({ at: item + 16, bytes: 4, values: [0, 65_544, 2 ** 31] }) as const),
  ]
  mutateFields(bytes, { fields, most: 1, littleEndian: true }, random)
  return bytes
}

function mutateRegionTable(bytes: Uint8Array, random: Random): void {
  const table = random.pick(REGION_TABLES)
  const fields: readonly Field[] = [
    { at: table, bytes: 4, values: [0x69676572, 0] },
    { at: table + 8, bytes: 4, values: [0, 1, 2, 2048] },
    { at: table + 16 + 16, bytes: 8, values: [0, 1 << 20, 2 << 20, 3 << 20, HUGE] },
    { at: table + 48 + 16, bytes: 8, values: [0, 1 << 20, 2 << 20, 3 << 20, HUGE] },
  ]
  mutateFields(bytes, { fields, most: 2, littleEndian: true }, random)
}
