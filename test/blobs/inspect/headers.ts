/** Small headers of each disk format, written by hand so that no test needs qemu-img. */

export const GIB = 1024 ** 3
export const TO_THE_END = 0xffffffffffffffffn

interface Bytes {
  bytes: Uint8Array
  view: DataView
  text: (offset: number, value: string) => void
}

export function blank(length: number): Bytes {
  const bytes = new Uint8Array(length)
  return {
    bytes,
    view: new DataView(bytes.buffer),
    text: (offset, value) => {
      bytes.set(
        Uint8Array.from(value, (char) => char.charCodeAt(0)),
        offset,
      )
    },
  }
}

interface Qcow2 {
  version?: number
  backingFile?: bigint
  size?: bigint
  features?: bigint
}

export function qcow2Header(options: Qcow2 = {}): Uint8Array {
  const { version = 3, backingFile = 0n, size = BigInt(GIB), features = 0n } = options
  const { bytes, view, text } = blank(512)
  text(0, 'QFI\xfb')
  view.setUint32(4, version)
  view.setBigUint64(8, backingFile)
  view.setBigUint64(24, size)
  view.setBigUint64(72, features)
  return bytes
}

interface VmdkDescriptor {
  createType?: string
  extent?: string
  extra?: string
}

export function vmdkDescriptor(options: VmdkDescriptor = {}): string {
  const {
    createType = 'monolithicSparse',
    extent = 'RW 2097152 SPARSE "disk.vmdk"',
    extra = '',
  } = options
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=f4b8cdbf',
    'parentCID=ffffffff',
    `createType="${createType}"`,
    extra,
    '# Extent description',
    extent,
    '#DDB',
    'ddb.adapterType = "ide"',
    '',
  ].join('\n')
}

interface Vmdk {
  version?: number
  descriptor?: string
  descriptorSector?: bigint
  descriptorSectors?: bigint
  grainDirectory?: bigint
  length?: number
}

const VMDK_SECTORS = BigInt(GIB / 512)

export function vmdkHeader(options: Vmdk = {}): Uint8Array {
  const { descriptor = vmdkDescriptor(), length = 64 * 1024 } = options
  const { bytes, text } = blank(length)
  writeSparseHeader(bytes, 0, options)
  text(512, descriptor)
  return bytes
}

/** The last three sectors of an image whose grain directory is at its end. */
export function vmdkTail(options: Vmdk & { marker?: number } = {}): Uint8Array {
  const { bytes, view } = blank(1536)
  view.setBigUint64(0, 1n, true)
  view.setUint32(12, options.marker ?? 3, true)
  writeSparseHeader(bytes, 512, options)
  return bytes
}

function writeSparseHeader(bytes: Uint8Array, offset: number, options: Vmdk): void {
  const {
    version = 3,
    descriptorSector = 1n,
    descriptorSectors = 20n,
    grainDirectory = 26n,
  } = options
  const view = new DataView(bytes.buffer, offset)
  bytes.set([0x4b, 0x44, 0x4d, 0x56], offset)
  view.setUint32(4, version, true)
  view.setBigUint64(12, VMDK_SECTORS, true)
  view.setBigUint64(28, descriptorSector, true)
  view.setBigUint64(36, descriptorSectors, true)
  view.setBigUint64(56, grainDirectory, true)
}

export function vhdHeader(size = BigInt(GIB)): Uint8Array {
  const { bytes, view, text } = blank(512)
  text(0, 'conectix')
  view.setBigUint64(40, size)
  return bytes
}

interface Vhdx {
  regions?: number
  items?: number
  metadataAt?: bigint
  itemOffset?: number
}

const METADATA_REGION = '\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e'
const VIRTUAL_DISK_SIZE = '\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8'

/** Both tables hold one other entry before the one that counts. */
export function vhdxHeader(options: Vhdx = {}): Uint8Array {
  const { regions = 2, items = 2, metadataAt = 0x40000n, itemOffset = 0x10000 } = options
  const { bytes, view, text } = blank(0x60000)
  text(0, 'vhdxfile')
  text(0x30000, 'regi')
  view.setUint32(0x30008, regions, true)
  text(0x30010 + 32, METADATA_REGION)
  view.setBigUint64(0x30010 + 32 + 16, metadataAt, true)
  text(0x40000, 'metadata')
  view.setUint16(0x4000a, items, true)
  text(0x40020 + 32, VIRTUAL_DISK_SIZE)
  view.setUint32(0x40020 + 32 + 16, itemOffset, true)
  view.setUint32(0x40020 + 32 + 20, 8, true)
  view.setBigUint64(0x50000, BigInt(GIB), true)
  return bytes
}

export function vdiHeader(size = BigInt(GIB)): Uint8Array {
  const { bytes, view } = blank(512)
  view.setUint32(0x40, 0xbeda107f, true)
  view.setBigUint64(0x170, size, true)
  return bytes
}

export function isoHeader(options: { type?: number; identifier?: string } = {}): Uint8Array {
  const { type = 1, identifier = 'CD001' } = options
  const { bytes, view, text } = blank(36 * 1024)
  view.setUint8(32768, type)
  text(32769, identifier)
  view.setUint32(32768 + 80, 1000, true)
  view.setUint16(32768 + 128, 2048, true)
  return bytes
}

interface Partition {
  boot?: number
  type: number
  startCylinder?: number
  startSector?: number
}

export const PROTECTIVE: Partition = { type: 0xee }

/** A boot sector with up to four partitions; `bytes` lets it go in front of another image. */
export function withPartitions(
  partitions: Partition[],
  bytes: Uint8Array = new Uint8Array(512),
): Uint8Array {
  const view = new DataView(bytes.buffer)
  partitions.forEach(({ boot = 0, type, startCylinder = 0, startSector = 1 }, index) => {
    const offset = 446 + 16 * index
    bytes.set([boot, 0, 2, startCylinder, type], offset)
    view.setUint32(offset + 8, startSector, true)
  })
  bytes.set([0x55, 0xaa], 510)
  return bytes
}

export function luksHeader(version = 1): Uint8Array {
  const { bytes, view, text } = blank(592)
  text(0, 'LUKS\xba\xbe')
  view.setUint16(6, version)
  return bytes
}

export function qedHeader(): Uint8Array {
  const { bytes, text } = blank(512)
  text(0, 'QED\0')
  return bytes
}
