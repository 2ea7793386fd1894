import { type Head, magic, readHead } from '../inspect/head.ts'
import { badArchive } from './bad-archive.ts'
import type { ByteReader } from './byte-reader.ts'

export const STORED = 0
const DEFLATED = 8

const LOCAL_SIZE = 30
/** What stands in a field of 32 bits whose value is in the zip64 field. */
export const SATURATED = 0xffff_ffff
const ZIP64_FIELD = 1

const FLAGS = {
  /** Encrypted, and by which scheme: whole headers may be masked. */
  encrypted: 0x2041,
  /** CRC and sizes come behind the data only. */
  streamed: 0x0008,
  patch: 0x0020,
}

/** What both headers of a member say of it: the one before its data, and the one in the directory at the end. */
export interface Member {
  flags: number
  method: number
  crc: number
  /** Bytes of its data as they lie in the archive. */
  packedSize: number
  size: number
}

/** [4.3.7, 4.3.12 of the APPNOTE](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT): `at` is where the flags are. */
export function readMember(header: Head, at: number, extra: Uint8Array): Member {
  const packed = header.u32le(at + 12) ?? 0
  const size = header.u32le(at + 16) ?? 0
  const large = largeSizes(extra, { packed, size })
  return {
    flags: header.u16le(at) ?? 0,
    method: header.u16le(at + 2) ?? 0,
    crc: header.u32le(at + 8) ?? 0,
    packedSize: large.packed,
    size: large.size,
  }
}

/** In the order of 4.5.3: the size first, and each only where its own field is saturated. */
function largeSizes(
  extra: Uint8Array,
  { packed, size }: { packed: number; size: number },
): { packed: number; size: number } {
  if (packed !== SATURATED && size !== SATURATED) return { packed, size }
  const field = readHead(extraField(extra, ZIP64_FIELD))
  const behindSize = size === SATURATED ? 8 : 0
  return {
    size: size === SATURATED ? byteSize(field.u64le(0)) : size,
    packed: packed === SATURATED ? byteSize(field.u64le(behindSize)) : packed,
  }
}

export function byteSize(value: bigint | null): number {
  if (value === null || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw badArchive('zip', 'is damaged: one of its sizes is none')
  }
  return Number(value)
}

/** The data of one extra field; empty where there is none. */
function extraField(extra: Uint8Array, wanted: number): Uint8Array {
  const fields = readHead(extra)
  for (let at = 0; at + 4 <= extra.length;) {
    const length = fields.u16le(at + 2) ?? 0
    if (fields.u16le(at) === wanted) return extra.subarray(at + 4, at + 4 + length)
    at += 4 + length
  }
  return new Uint8Array()
}

export function isStreamed({ flags }: Member): boolean {
  return (flags & FLAGS.streamed) !== 0
}

/** Reads up to the data of the first file, and refuses what cannot be unpacked here. */
export async function readFirstMember(bytes: ByteReader): Promise<Member> {
  const header = await bytes.take(LOCAL_SIZE)
  const fields = readHead(header ?? new Uint8Array())
  // An archive without a file is its end alone, which is shorter unless it has a comment.
  if (!header || fields.has(magic('PK\x05\x06'), 0)) {
    throw badArchive('zip', 'ends early, or holds no file')
  }
  if (!fields.has(magic('PK\x03\x04'), 0)) {
    throw badArchive('zip', 'is one of several parts, or damaged')
  }
  const name = await bytes.take(fields.u16le(26) ?? 0)
  const extra = await bytes.take(fields.u16le(28) ?? 0)
  if (!name || !extra) throw badArchive('zip', 'ends early')
  const member = readMember(fields, 6, extra)
  refuseUnsupported(member)
  if (isFolder(name)) throw badArchive('zip', 'holds a folder, where exactly one file is wanted')
  return member
}

export function refuseUnsupported({ flags, method }: Member): void {
  if ((flags & FLAGS.encrypted) !== 0) throw badArchive('zip', 'is encrypted')
  if ((flags & FLAGS.patch) !== 0) throw badArchive('zip', 'holds a patch to a file')
  if (method === STORED || method === DEFLATED) return
  throw badArchive(
    'zip',
    `has a file that is compressed by method ${method}, where only deflate (8) and none (0) are known`,
  )
}

export function isFolder(name: Uint8Array): boolean {
  return name.at(-1) === '/'.charCodeAt(0)
}
