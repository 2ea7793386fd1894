import { type Head, magic } from './head.ts'

/** What boot sectors, and superblocks behind them, have in one place. */
const SIGNATURES: readonly { bytes: Uint8Array; offset: number }[] = [
  { bytes: magic('NTFS    '), offset: 3 },
  { bytes: magic('EXFAT   '), offset: 3 },
  // BitLocker, which has replaced the name of an NTFS.
  { bytes: magic('-FVE-FS-'), offset: 3 },
  // ext2 and its successors.
  { bytes: magic('\x53\xef'), offset: 0x438 },
  { bytes: magic('_BHRfS_M'), offset: 0x10040 },
]

const SECTOR_SIZES: readonly (number | null)[] = [512, 1024, 2048, 4096]
const FLOPPY = 0xf0
const FIRST_OTHER_MEDIUM = 0xf8

/** Whether a volume begins at once, without a partition table: its boot sector may end in the signature of one. */
export function isFileSystem(head: Head): boolean {
  return isFat(head) || SIGNATURES.some(({ bytes, offset }) => head.has(bytes, offset))
}

/** FAT has no signature of its own, but a parameter block in which only few values make sense. */
function isFat(head: Head): boolean {
  const sectorsPerCluster = head.u8(0x0d) ?? 0
  const reservedSectors = head.u16le(0x0e) ?? 0
  const tables = head.u8(0x10) ?? 0
  const medium = head.u8(0x15) ?? 0
  return (
    SECTOR_SIZES.includes(head.u16le(0x0b)) &&
    sectorsPerCluster > 0 &&
    (sectorsPerCluster & (sectorsPerCluster - 1)) === 0 &&
    reservedSectors > 0 &&
    tables > 0 &&
    (medium === FLOPPY || medium >= FIRST_OTHER_MEDIUM)
  )
}
