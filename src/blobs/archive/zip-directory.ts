import { type Head, magic, readHead } from '../inspect/head.ts'
import { badArchive } from './bad-archive.ts'
import {
  byteSize,
  isFolder,
  type Member,
  readMember,
  refuseUnsupported,
  SATURATED,
} from './zip-member.ts'

const ENTRY_SIZE = 46
const ENTRY_SIGNATURE = magic('PK\x01\x02')
const END_SIZE = 22
const END_SIGNATURE = magic('PK\x05\x06')
const LOCATOR_SIZE = 20
const LOCATOR_SIGNATURE = magic('PK\x06\x07')
const LARGE_END_SIZE = 56
const LARGE_END_SIGNATURE = magic('PK\x06\x06')
const MAX_U16 = 0xffff
const DESCRIPTOR_SIGNATURE = magic('PK\x07\x08')
const LARGEST_DESCRIPTOR = 24

/** The most that lies behind the data of the only file: name, extra fields and comments have up to 64 KiB each. */
export const MAX_TAIL =
  LARGEST_DESCRIPTOR + ENTRY_SIZE + 3 * MAX_U16 + LARGE_END_SIZE + LOCATOR_SIZE + END_SIZE + MAX_U16

/** The last bytes of an archive, and where in it they begin. */
export interface Tail {
  bytes: Uint8Array
  offset: number
}

export interface Directory {
  /** Where in the archive it begins. */
  offset: number
  member: Member
}

/** The directory at the end of an archive, which has to list one file, that lies at its beginning. */
export function readDirectory({ bytes, offset }: Tail): Directory {
  const head = readHead(bytes)
  const end = readEnd(head, bytes.length)
  if (end.disks) throw badArchive('zip', 'is one of several parts')
  if (Number(end.entries) !== 1) {
    throw badArchive('zip', `holds ${end.entries} files, where exactly one is wanted`)
  }
  const at = end.at - end.size
  if (at < 0) throw inconsistent()
  // Info-ZIP leaves out what should tell it where it is too large for its field.
  const isRight = end.offset === at + offset || end.offset === SATURATED
  if (!isRight) throw inconsistent()
  return { offset: at + offset, member: readEntry(bytes.subarray(at, end.at)) }
}

export function inconsistent(): Error {
  return badArchive('zip', 'is damaged, or holds more than the one file that its directory lists')
}

function readEntry(entry: Uint8Array): Member {
  const head = readHead(entry)
  const [name, extra, comment] = [28, 30, 32].map((at) => head.u16le(at) ?? 0)
  if (name === undefined || extra === undefined || comment === undefined) throw inconsistent()
  const isWhole = entry.length === ENTRY_SIZE + name + extra + comment
  if (!head.has(ENTRY_SIGNATURE, 0) || !isWhole || head.u32le(42) !== 0) throw inconsistent()
  const extraAt = ENTRY_SIZE + name
  if (isFolder(entry.subarray(ENTRY_SIZE, extraAt)) || isSpecial(head)) {
    throw badArchive('zip', 'holds a folder or a link, where exactly one file is wanted')
  }
  const member = readMember(head, 8, entry.subarray(extraAt, extraAt + extra))
  refuseUnsupported(member)
  return member
}

/** Unix and macOS. */
const UNIX = [3, 19]
const FILE_TYPE = 0o170000
const UNIX_FOLDER = 0o040000
const UNIX_LINK = 0o120000
const DOS_FOLDER = 0x10

/**
 * By the attributes of the system where it was made: what is in a link is the name of another file. What came out of a
 * pipe is a file like any other.
 */
function isSpecial(entry: Head): boolean {
  const attributes = entry.u32le(38) ?? 0
  if ((attributes & DOS_FOLDER) !== 0) return true
  const type = (attributes >>> 16) & FILE_TYPE
  const isOfUnix = UNIX.includes(entry.u8(5) ?? 0)
  return isOfUnix && (type === UNIX_FOLDER || type === UNIX_LINK)
}

interface End {
  /** Where in the tail the directory ends. */
  at: number
  entries: number | bigint
  size: number
  offset: number
  /** It says that it is on another disk than the first. */
  disks: boolean
}

function readEnd(head: Head, length: number): End {
  const at = findEnd(head, length)
  if (head.has(LOCATOR_SIGNATURE, at - LOCATOR_SIZE)) return readLargeEnd(head, at - LOCATOR_SIZE)
  return {
    at,
    entries: head.u16le(at + 10) ?? 0,
    size: head.u32le(at + 12) ?? 0,
    offset: head.u32le(at + 16) ?? 0,
    disks: head.u16le(at + 4) !== 0 || head.u16le(at + 6) !== 0,
  }
}

/** Its comment reaches to the last byte of the archive. */
function findEnd(head: Head, length: number): number {
  for (let at = length - END_SIZE; at >= 0 && at >= length - END_SIZE - MAX_U16; at--) {
    const comment = head.u16le(at + 20) ?? 0
    if (head.has(END_SIGNATURE, at) && at + END_SIZE + comment === length) return at
  }
  throw badArchive('zip', 'ends early, or is followed by bytes that do not belong to it')
}

/** Of zip64, right before its locator. */
function readLargeEnd(head: Head, locator: number): End {
  const at = locator - LARGE_END_SIZE
  if (!head.has(LARGE_END_SIGNATURE, at) || byteSize(head.u64le(at + 4)) !== LARGE_END_SIZE - 12) {
    throw inconsistent()
  }
  return {
    at,
    entries: head.u64le(at + 32) ?? 0,
    size: byteSize(head.u64le(at + 40)),
    offset: byteSize(head.u64le(at + 48)),
    disks: head.u32le(at + 16) !== 0 || head.u32le(at + 20) !== 0,
  }
}

/** What comes behind data whose header had no sizes: with or without a signature, and with sizes of 4 or 8 bytes. */
export function isDescriptorOf(bytes: Uint8Array, { crc, packedSize, size }: Member): boolean {
  return [0, 4].some((at) => {
    const head = readHead(bytes)
    if (at === 4 && !head.has(DESCRIPTOR_SIGNATURE, 0)) return false
    if (head.u32le(at) !== crc) return false
    if (bytes.length === at + 12) {
      return head.u32le(at + 4) === packedSize && head.u32le(at + 8) === size
    }
    if (bytes.length !== at + 20) return false
    return head.u64le(at + 4) === BigInt(packedSize) && head.u64le(at + 12) === BigInt(size)
  })
}
