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
      bytes.set(latin1(value), offset)
    },
  }
}

/** One byte for each character. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

interface Qcow2 {
  version?: number
  backingFile?: bigint
  size?: bigint
  features?: bigint
  clusterBits?: number
  /** Types and lengths, in this order behind the header. */
  extensions?: [number, number][]
  length?: number
}

export function qcow2Header(options: Qcow2 = {}): Uint8Array {
  const { version = 3, backingFile = 0n, size = BigInt(GIB), features = 0n } = options
  const { clusterBits = 0, extensions = [], length = 512 } = options
  const { bytes, view, text } = blank(length)
  text(0, 'QFI\xfb')
  view.setUint32(4, version)
  view.setBigUint64(8, backingFile)
  view.setBigUint64(24, size)
  view.setUint32(20, clusterBits)
  view.setBigUint64(72, features)
  if (clusterBits > 0) view.setUint32(100, 104)
  let offset = version === 2 ? 72 : 104
  for (const [type, size] of extensions) {
    view.setUint32(offset, type)
    view.setUint32(offset + 4, size)
    offset += 8 + Math.ceil(size / 8) * 8
  }
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
  capacity?: bigint
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
    capacity = VMDK_SECTORS,
  } = options
  const view = new DataView(bytes.buffer, offset)
  bytes.set([0x4b, 0x44, 0x4d, 0x56], offset)
  view.setUint32(4, version, true)
  view.setBigUint64(12, capacity, true)
  view.setBigUint64(28, descriptorSector, true)
  view.setBigUint64(36, descriptorSectors, true)
  view.setBigUint64(56, grainDirectory, true)
}

/** As old ESX hosts write their sparse extents; the descriptor is where qemu looks for one. */
export function cowDiskHeader(descriptor = ''): Uint8Array {
  const { bytes, text } = blank(2048)
  text(0, 'COWD')
  text(512, descriptor)
  return bytes
}

/** The footer, which is also the header of the dynamic ones. */
export function vhdHeader(size = BigInt(GIB), type = 3): Uint8Array {
  const { bytes, view, text } = blank(512)
  text(0, 'conectix')
  view.setBigUint64(40, size)
  view.setUint32(60, type)
  return bytes
}

interface DynamicVhd {
  parentName?: string
  parentId?: number
  /** Where the second header is. */
  at?: number
}

/** A dynamic VHD with its second header, where the parent's name would be. */
export function dynamicVhd({
  parentName = '',
  parentId = 0,
  at = 512,
}: DynamicVhd = {}): Uint8Array {
  const { bytes, view, text } = blank(at + 1024)
  bytes.set(vhdHeader())
  view.setBigUint64(16, BigInt(at))
  text(at, 'cxsparse')
  view.setUint32(at + 40, parentId)
  text(at + 64, parentName)
  return bytes
}

interface Vhdx {
  regions?: number
  items?: number
  metadataAt?: bigint
  itemOffset?: number
  hasParent?: boolean
  parentLocator?: boolean
  /** Where the second region table says that the metadata are. */
  secondMetadataAt?: bigint
  length?: number
}

const METADATA_REGION = '\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e'
const VIRTUAL_DISK_SIZE = '\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8'

const FILE_PARAMETERS = '\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b'
const PARENT_LOCATOR = '\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c'

/** Both tables hold one other entry before the one that counts. */
export function vhdxHeader(options: Vhdx = {}): Uint8Array {
  const { regions = 2, metadataAt = 0x40000n, secondMetadataAt, length = 0x60000 } = options
  const { bytes, view, text } = blank(length)
  text(0, 'vhdxfile')
  if (secondMetadataAt !== undefined) writeRegionTable(bytes, 0x40000, 2, secondMetadataAt)
  writeRegionTable(bytes, 0x30000, regions, metadataAt)
  const start = metadataAt + 0x20000n <= BigInt(length) ? Number(metadataAt) : 0x40000
  writeVhdxMetadata(bytes, start, options)
  view.setBigUint64(start + 0x10000, BigInt(GIB), true)
  return bytes
}

function writeRegionTable(bytes: Uint8Array, at: number, regions: number, metadataAt: bigint) {
  const view = new DataView(bytes.buffer, at)
  bytes.set(latin1('regi'), at)
  view.setUint32(8, regions, true)
  bytes.set(latin1(METADATA_REGION), at + 16 + 32)
  view.setBigUint64(16 + 32 + 16, metadataAt, true)
}

function writeVhdxMetadata(bytes: Uint8Array, at: number, options: Vhdx): void {
  const { items = 2, itemOffset = 0x10000, hasParent = false, parentLocator = false } = options
  const view = new DataView(bytes.buffer, at)
  bytes.set(latin1('metadata'), at)
  view.setUint16(10, items, true)
  bytes.set(latin1(parentLocator ? PARENT_LOCATOR : FILE_PARAMETERS), at + 32)
  view.setUint32(32 + 16, 0x10010, true)
  view.setUint32(0x10014, hasParent ? 2 : 0, true)
  bytes.set(latin1(VIRTUAL_DISK_SIZE), at + 32 + 32)
  view.setUint32(64 + 16, itemOffset, true)
  view.setUint32(64 + 20, 8, true)
}

interface Vdi {
  size?: bigint
  version?: number
  type?: number
  parentId?: number
}

export function vdiHeader(options: Vdi = {}): Uint8Array {
  const { size = BigInt(GIB), version = 0x10001, type = 1, parentId = 0 } = options
  const { bytes, view } = blank(512)
  view.setUint32(0x40, 0xbeda107f, true)
  view.setUint32(0x44, version, true)
  view.setUint32(version < 0x10000 ? 0x48 : 0x4c, type, true)
  view.setBigUint64(0x170, size, true)
  view.setUint32(0x1a8, parentId, true)
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
  /** Head, sector and cylinder, as they stand in the entry. */
  chs?: [number, number, number]
  startSector?: number
}

export const PROTECTIVE: Partition = { type: 0xee }

/** A boot sector with up to four partitions; `bytes` lets it go in front of another image. */
export function withPartitions(
  partitions: Partition[],
  bytes: Uint8Array = new Uint8Array(512),
): Uint8Array {
  const view = new DataView(bytes.buffer)
  partitions.forEach(({ boot = 0, type, chs = [0, 2, 0], startSector = 1 }, index) => {
    const offset = 446 + 16 * index
    bytes.set([boot, ...chs, type], offset)
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
