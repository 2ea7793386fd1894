/** Zip archives as every tool writes them, and as none does. */
import { deflateRawSync, gzipSync } from 'node:zlib'

export interface ZipMember {
  name?: string
  data: Uint8Array
  method?: number
  flags?: number
  /** Attributes as Unix has them. */
  mode?: number
  /** CRC and sizes come behind the data, in one of four forms. */
  descriptor?: { signed: boolean; large: boolean }
  /** Sizes of 64 bits. */
  zip64?: boolean
  /** What its header says of it, in place of the truth. */
  lies?: Partial<Sizes>
}

interface Sizes {
  crc: number
  packed: number
  size: number
}

export interface ZipEnd {
  comment?: string
  entries?: number
  zip64?: boolean
  disk?: number
  between?: Uint8Array
}

const STREAMED = 8

export function zip(members: readonly ZipMember[], end: ZipEnd = {}): Buffer {
  const parts: Buffer[] = []
  const entries: Buffer[] = []
  for (const member of members) {
    const offset = lengthOf(parts)
    const { local, entry } = pieces(member, offset)
    parts.push(...local)
    entries.push(entry)
  }
  if (end.between) parts.push(Buffer.from(end.between))
  const offset = lengthOf(parts)
  const directory = Buffer.concat(entries)
  const count = end.entries ?? members.length
  parts.push(directory)
  if (end.zip64) parts.push(...largeEnd(count, directory.length, offset))
  const full = end.zip64 ? -1 : null
  const comment = Buffer.from(end.comment ?? '')
  parts.push(
    Buffer.from('PK\x05\x06', 'latin1'),
    u16(end.disk ?? 0),
    u16(0),
    u16(full ?? count),
    u16(full ?? count),
    u32(full ?? directory.length),
    u32(full ?? offset),
    u16(comment.length),
    comment,
  )
  return Buffer.concat(parts)
}

function pieces(member: ZipMember, offset: number): { local: Buffer[]; entry: Buffer } {
  const { data, method = 8, descriptor, zip64 = false } = member
  const name = Buffer.from(member.name ?? 'disk.raw')
  const flags = (member.flags ?? 0) | (descriptor ? STREAMED : 0)
  const packed = method === 8 ? deflateRawSync(data, { level: 1 }) : Buffer.from(data)
  const truth = { crc: crcOf(data), packed: packed.length, size: data.length }
  const told = { ...truth, ...member.lies }
  const early = descriptor ? { crc: 0, packed: 0, size: 0 } : told
  const local = [
    Buffer.from('PK\x03\x04', 'latin1'),
    header(early, { flags, method, name, zip64 }),
    name,
    extra(early, zip64),
    packed,
    ...(descriptor ? describe(told, descriptor) : []),
  ]
  const entry = Buffer.concat([
    Buffer.from('PK\x01\x02', 'latin1'),
    u16(0x031e),
    header(told, { flags, method, name, zip64 }),
    u16(0),
    u16(0),
    u16(0),
    u32((member.mode ?? 0o100644) * 0x10000),
    u32(offset),
    name,
    extra(told, zip64),
  ])
  return { local, entry }
}

/** Which gzip has at its end. */
function crcOf(data: Uint8Array): number {
  return gzipSync(data, { level: 0 }).subarray(-8).readUInt32LE()
}

interface HeaderOf {
  flags: number
  method: number
  name: Buffer
  zip64: boolean
}

function header({ crc, packed, size }: Sizes, { flags, method, name, zip64 }: HeaderOf): Buffer {
  const sizes = zip64 ? [-1, -1] : [packed, size]
  const [first = 0, second = 0] = sizes
  return Buffer.concat([
    ...[20, flags, method, 0, 0x5821].map(u16),
    ...[crc, first, second].map(u32),
    u16(name.length),
    u16(zip64 ? 20 : 0),
  ])
}

function extra({ packed, size }: Sizes, zip64: boolean): Buffer {
  if (!zip64) return Buffer.alloc(0)
  return Buffer.concat([u16(1), u16(16), u64(size), u64(packed)])
}

function describe(
  { crc, packed, size }: Sizes,
  form: { signed: boolean; large: boolean },
): Buffer[] {
  const sized = form.large ? u64 : u32
  const signature = form.signed ? [Buffer.from('PK\x07\x08', 'latin1')] : []
  return [...signature, u32(crc), sized(packed), sized(size)]
}

function largeEnd(count: number, size: number, offset: number): Buffer[] {
  return [
    Buffer.from('PK\x06\x06', 'latin1'),
    ...[u64(44), u16(45), u16(45), u32(0), u32(0)],
    ...[count, count, size, offset].map(u64),
    Buffer.from('PK\x06\x07', 'latin1'),
    ...[u32(0), u64(offset + size), u32(1)],
  ]
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}

function u16(value: number): Buffer {
  return Buffer.from([value & 0xff, (value >> 8) & 0xff])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
