/** First sectors of volumes without a partition table, as the tools leave them. All end in the boot signature. */
import { blank } from './headers.ts'

interface Fat {
  clusterSectors?: number
  reserved?: number
  tables?: number
  rootEntries?: number
  sectors?: number
  medium?: number
  sectorSize?: number
}

/** As mkfs.vfat writes them. */
function fat(options: Fat = {}): Uint8Array {
  const { clusterSectors = 4, reserved = 4, tables = 2, rootEntries = 512 } = options
  const { sectors = 0, medium = 0xf8, sectorSize = 512 } = options
  const { bytes, view, text } = bootSector('\xeb\x3c\x90mkfs.fat')
  view.setUint16(0x0b, sectorSize, true)
  view.setUint8(0x0d, clusterSectors)
  view.setUint16(0x0e, reserved, true)
  view.setUint8(0x10, tables)
  view.setUint16(0x11, rootEntries, true)
  view.setUint16(0x13, sectors, true)
  view.setUint8(0x15, medium)
  text(0x36, 'FAT16   ')
  return bytes
}

function bootSector(start: string, length = 512) {
  const { bytes, view, text } = blank(length)
  text(0, start)
  view.setUint16(510, 0xaa55, true)
  return { bytes, view, text }
}

/** With boot code in front, which has no entries where a partition table would have them. */
function bootable(length: number, offset: number, magic: string): Uint8Array {
  const { bytes, text } = bootSector('\xeb\x63\x90', length)
  text(offset, magic)
  return bytes
}

/** From what mkfs.ntfs, mkfs.exfat and manage-bde write. */
function named(start: string, sectorSize = 512): Uint8Array {
  const { bytes, view } = bootSector(start)
  view.setUint16(0x0b, sectorSize, true)
  return bytes
}

export const FILE_SYSTEMS: Record<string, Uint8Array> = {
  'FAT16 of mkfs.vfat': fat(),
  'FAT32 of mkfs.vfat -F 32': fat({ clusterSectors: 1, reserved: 32, rootEntries: 0 }),
  'FAT with one table, of mkfs.vfat -f 1': fat({ tables: 1 }),
  'FAT with sectors of 4096 bytes, of mkfs.vfat -S 4096': fat({ sectorSize: 4096 }),
  'FAT12 of a floppy disk': fat({ clusterSectors: 1, reserved: 1, rootEntries: 224, medium: 0xf0 }),
  'NTFS of mkfs.ntfs': named('\xeb\x52\x90NTFS    '),
  'exFAT of mkfs.exfat': named('\xeb\x76\x90EXFAT   ', 0),
  BitLocker: named('\xeb\x58\x90-FVE-FS-'),
  'ext4 with a boot loader': bootable(2048, 0x438, '\x53\xef'),
  'btrfs with a boot loader': bootable(0x11000, 0x10040, '_BHRfS_M'),
}
