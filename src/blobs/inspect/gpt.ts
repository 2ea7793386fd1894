import { isFileSystem } from './file-system.ts'
import type { ImageFormat } from './format.ts'
import type { Head } from './head.ts'

const BOOT_SIGNATURE = 0xaa55
const TABLE = 446
const ENTRY_SIZE = 16
const ENTRY_INDEXES = [0, 1, 2, 3] as const
const PROTECTIVE = 0xee
/** Head, sector and cylinder at which UEFI says that a protective entry starts. */
const PROTECTIVE_START = '0,2,0'

/** The checks by the names that OpenStack has for them: of the whole table, and of what a GPT makes of it. */
const WHOLE_TABLE = 'mbr'
const PROTECTIVE_ENTRY = 'gptmbr'

/**
 * A partitioned disk: GPT behind its protective MBR, or a plain MBR. Anything with a boot signature that is no
 * file system counts, so a broken table is reported as unsafe and not passed off as raw.
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#protective-mbr
 */
export const gpt: ImageFormat = {
  name: 'gpt',
  matches: (head) => head.u16le(510) === BOOT_SIGNATURE && !isFileSystem(head),
  virtualSize: () => null,

  unsafe(head, nonfatal) {
    if (nonfatal.includes(WHOLE_TABLE)) return null
    const entries = ENTRY_INDEXES.map((index) => readEntry(head, index))
    const danger = unsafeTable(entries)
    return danger ?? (nonfatal.includes(PROTECTIVE_ENTRY) ? null : unsafeProtective(entries))
  },
}

type Entry = ReturnType<typeof readEntry>

function unsafeTable(entries: Entry[]): string | null {
  if (entries.some((entry) => entry.boot !== 0x00 && entry.boot !== 0x80)) {
    return 'The partition table has an invalid boot flag'
  }
  return entries.every((entry) => entry.type === 0) ? 'The partition table has no partitions' : null
}

function unsafeProtective(entries: Entry[]): string | null {
  const used = entries.filter((entry) => entry.type !== 0)
  const protective = used.filter((entry) => entry.type === PROTECTIVE)
  for (const { chs, sector } of protective) {
    if (sector !== 1) {
      return `The protective partition starts at sector ${sector}, wanted 1, the GPT header`
    }
    if (chs !== PROTECTIVE_START) {
      return `The protective partition starts at CHS ${chs}, wanted ${PROTECTIVE_START}`
    }
  }
  if (protective.length > 0 && (used.length !== 1 || used[0]?.index !== 0)) {
    return 'The partition table has partitions beside the protective one'
  }
  return null
}

function readEntry(head: Head, index: number) {
  const offset = TABLE + index * ENTRY_SIZE
  return {
    index,
    boot: head.u8(offset),
    /** The bytes as they stand there, which is how partitioning tools are quoted. */
    chs: [1, 2, 3].map((byte) => head.u8(offset + byte)).join(),
    type: head.u8(offset + 4),
    sector: head.u32le(offset + 8),
  }
}
