import type { ImageFormat } from './format.ts'
import { byteCount, type Head, isWholeImage, magic } from './head.ts'

const FILE_SIGNATURE = magic('vhdxfile')
const REGION_SIGNATURE = magic('regi')
const METADATA_SIGNATURE = magic('metadata')
/** Two copies, of which readers take the one with the right checksum. */
const REGION_TABLES = [192 * 1024, 256 * 1024] as const
const ENTRY_SIZE = 32
const MAX_ENTRIES = 2047
const HAS_PARENT_FLAG = 2
/** The bytes of the metadata: more than any writer of the format takes. */
const METADATA_SIZE = 1024 * 1024

/** 8B7CA206-4790-4B9A-B8FE-575F050F886E, in file order. */
const METADATA_REGION = magic('\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e')
/** 2FA54224-CD1B-4876-B211-5DBED83BF4B8, in file order. */
const VIRTUAL_DISK_SIZE = magic('\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8')
/** CAA16737-FA36-4D43-B3B6-33F0AA44E76B, in file order. */
const FILE_PARAMETERS = magic('\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b')
/** A8D35F2D-B30B-454D-ABF7-D3D84834AB0C, in file order. */
const PARENT_LOCATOR = magic('\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c')

const HAS_PARENT = 'The vhdx image has a parent file'
const MISSING = 'The vhdx metadata are missing'

/** [MS-VHDX] 2.2.3 and 2.6: the region table leads to the metadata, and these to size and parent. */
export const vhdx: ImageFormat = {
  name: 'vhdx',
  matches: (head) => head.has(FILE_SIGNATURE, 0),
  virtualSize: (head) => sizeIn(head, metadataRegions(head)[0] ?? null),
  unsafe,

  elsewhere(head) {
    const start = metadataBehind(head)
    if (start === null) return null
    const read = (bytes: Head) => ({
      virtualSize: sizeIn(bytes, 0),
      unsafe: unsafeMetadata(bytes, 0),
    })
    return { start, length: METADATA_SIZE, read }
  },
}

/** Where the metadata begin if they lie, as a whole or in part, behind the head; otherwise `null`. */
function metadataBehind(head: Head): number | null {
  if (isWholeImage(head)) return null
  const [region = null] = metadataRegions(head)
  return region !== null && region + METADATA_SIZE > head.length ? region : null
}

/** What is dangerous about the metadata that begin at `region`. */
function unsafeMetadata(head: Head, region: number): string | null {
  const table = { first: region + 32, count: head.u16le(region + 10) }
  if (!head.has(METADATA_SIGNATURE, region) || table.count === null) return MISSING
  if (table.count > MAX_ENTRIES) return 'The vhdx metadata table is too long'
  if (entriesOf(head, { ...table, id: PARENT_LOCATOR }).length > 0) return HAS_PARENT
  for (const entry of entriesOf(head, { ...table, id: FILE_PARAMETERS })) {
    const offset = head.u32le(entry + 16)
    const flags = offset === null ? null : head.u32le(region + offset + 4)
    if (flags === null) return MISSING
    if (flags & HAS_PARENT_FLAG) return HAS_PARENT
  }
  return null
}

function sizeIn(head: Head, region: number | null): number | null {
  if (region === null || !head.has(METADATA_SIGNATURE, region)) return null
  const count = head.u16le(region + 10)
  const [item] = entriesOf(head, { first: region + 32, count, id: VIRTUAL_DISK_SIZE })
  const offset = item === undefined ? null : head.u32le(item + 16)
  return offset === null ? null : byteCount(head.u64le(region + offset))
}

function unsafe(head: Head): string | null {
  const [region, ...others] = metadataRegions(head)
  if (others.length > 0) return 'The vhdx image has more than one metadata region'
  // What lies behind the head is looked at when it comes.
  if (region === undefined || metadataBehind(head) !== null) return null
  return unsafeMetadata(head, region)
}

function metadataRegions(head: Head): number[] {
  const regions = REGION_TABLES.filter((table) => head.has(REGION_SIGNATURE, table)).flatMap(
    (table) => {
      const count = head.u32le(table + 8)
      const entries = entriesOf(head, { first: table + 16, count, id: METADATA_REGION })
      return entries.map((entry) => byteCount(head.u64le(entry + 16)) ?? 0)
    },
  )
  return [...new Set(regions)]
}

interface Table {
  first: number
  count: number | null
  id: Uint8Array
}

/** The offsets of the entries that start with `id`. */
function entriesOf(head: Head, { first, count, id }: Table): number[] {
  if (count === null || count > MAX_ENTRIES) return []
  const offsets = Array.from({ length: count }, (_, index) => first + index * ENTRY_SIZE)
  return offsets.filter((offset) => head.has(id, offset))
}
