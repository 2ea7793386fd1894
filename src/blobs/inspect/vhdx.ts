import type { ImageFormat } from './format.ts'
import { byteCount, type Head, magic } from './head.ts'

const FILE_SIGNATURE = magic('vhdxfile')
const REGION_SIGNATURE = magic('regi')
const METADATA_SIGNATURE = magic('metadata')
const REGION_TABLE = 192 * 1024
const ENTRY_SIZE = 32
const MAX_ENTRIES = 2047

/** 8B7CA206-4790-4B9A-B8FE-575F050F886E, in file order. */
const METADATA_REGION = magic('\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e')
/** 2FA54224-CD1B-4876-B211-5DBED83BF4B8, in file order. */
const VIRTUAL_DISK_SIZE = magic('\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8')

/** [MS-VHDX] 2.2.3 and 2.6: the region table leads to the metadata, and these to the size. */
export const vhdx: ImageFormat = {
  name: 'vhdx',
  matches: (head) => head.has(FILE_SIGNATURE, 0),
  virtualSize,
  unsafe: () => null,
}

function virtualSize(head: Head): number | null {
  const region = metadataRegion(head)
  if (region === null || !head.has(METADATA_SIGNATURE, region)) return null
  const count = head.u16le(region + 10)
  const item = findEntry(head, { first: region + 32, count, id: VIRTUAL_DISK_SIZE })
  const offset = item === null ? null : head.u32le(item + 16)
  return offset === null ? null : byteCount(head.u64le(region + offset))
}

function metadataRegion(head: Head): number | null {
  if (!head.has(REGION_SIGNATURE, REGION_TABLE)) return null
  const count = head.u32le(REGION_TABLE + 8)
  const entry = findEntry(head, { first: REGION_TABLE + 16, count, id: METADATA_REGION })
  return entry === null ? null : byteCount(head.u64le(entry + 16))
}

interface Table {
  first: number
  count: number | null
  id: Uint8Array
}

/** The offset of the entry that starts with `id`. */
function findEntry(head: Head, { first, count, id }: Table): number | null {
  if (count === null || count > MAX_ENTRIES) return null
  for (let index = 0; index < count; index++) {
    const offset = first + index * ENTRY_SIZE
    if (head.has(id, offset)) return offset
  }
  return null
}
