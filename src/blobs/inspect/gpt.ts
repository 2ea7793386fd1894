import type { ImageFormat } from './format.ts'
import type { Head } from './head.ts'

const BOOT_SIGNATURE = 0xaa55
const TABLE = 446
const ENTRY_SIZE = 16
const ENTRY_INDEXES = [0, 1, 2, 3] as const
const PROTECTIVE = 0xee
/** Head 0, sector 2, cylinder 0: where UEFI says a protective entry starts. */
const PROTECTIVE_START = Uint8Array.of(0, 2, 0)

/**
 * A partitioned disk: GPT behind its protective MBR, or a plain MBR. Anything with a boot signature
 * counts, so a broken table is reported as unsafe and not passed off as raw.
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#protective-mbr
 */
export const gpt: ImageFormat = {
  name: 'gpt',
  matches: (head) => head.u16le(510) === BOOT_SIGNATURE && !isFat(head),
  virtualSize: () => null,
  unsafe,
}

// A FAT boot sector ends in the same signature; its parameter block tells it apart: two file
// allocation tables, on a fixed disk.
function isFat(head: Head): boolean {
  return head.u8(0x10) === 2 && head.u8(0x15) === 0xf8
}

function unsafe(head: Head): string | null {
  const entries = ENTRY_INDEXES.map((index) => readEntry(head, index))
  const used = entries.filter((entry) => entry.type !== 0)
  const protective = used.filter((entry) => entry.type === PROTECTIVE)
  if (entries.some((entry) => entry.boot !== 0x00 && entry.boot !== 0x80)) {
    return 'The partition table has an invalid boot flag'
  }
  if (used.length === 0) return 'The partition table has no partitions'
  if (protective.length === 0) return null
  if (protective.some((entry) => !entry.startsAtHeader)) {
    return 'The protective partition does not start at the GPT header'
  }
  if (used.length !== 1 || used[0]?.index !== 0) {
    return 'The partition table has partitions beside the protective one'
  }
  return null
}

function readEntry(head: Head, index: number) {
  const offset = TABLE + index * ENTRY_SIZE
  return {
    index,
    boot: head.u8(offset),
    type: head.u8(offset + 4),
    startsAtHeader: head.has(PROTECTIVE_START, offset + 1) && head.u32le(offset + 8) === 1,
  }
}
