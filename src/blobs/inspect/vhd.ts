import type { ImageFormat } from './format.ts'
import { byteCount, type Head, isWholeImage, magic } from './head.ts'

const VHD_MAGIC = magic('conectix')
const DYNAMIC_MAGIC = magic('cxsparse')
const DYNAMIC_SIZE = 1024
/** The types are 2 (fixed), 3 (dynamic) and 4 (the differences to a parent file). */
const LAST_WITHOUT_PARENT = 3
const NO_PARENT_ID = new Uint8Array(16)
const NO_PARENT_NAME = new Uint8Array(512)
const HAS_PARENT = 'The vhd image has a parent file'

/**
 * A dynamic VHD starts with a copy of its footer. A fixed VHD has only the footer at its end, so it
 * looks like a raw image here, as it does to OpenStack's inspector.
 */
export const vhd: ImageFormat = {
  name: 'vhd',
  matches: (head) => head.has(VHD_MAGIC, 0),
  virtualSize: sizeOf,
  unsafe: (head) =>
    isDifferencing(head, 0) || namesParent(head, dynamicHeader(head)) ? HAS_PARENT : null,

  elsewhere(head) {
    const start = dynamicHeader(head)
    const isBehind = start !== null && start + DYNAMIC_SIZE > head.length && !isWholeImage(head)
    if (!isBehind) return null
    const virtualSize = sizeOf(head)
    const read = (bytes: Head) => ({
      virtualSize,
      unsafe: namesParent(bytes, 0) ? HAS_PARENT : null,
    })
    return { start, length: DYNAMIC_SIZE, read }
  },
}

function sizeOf(head: Head): number | null {
  return byteCount(head.u64be(40))
}

/** Where the second header begins, which only dynamic ones have. */
function dynamicHeader(head: Head): number | null {
  return byteCount(head.u64be(16))
}

/**
 * What is dangerous about a footer, with which any content may end: some readers look at nothing else. They disagree
 * on where it begins when the file does not end with a sector, or with a footer of 511 bytes.
 */
export function unsafeVhdFooter(tail: Head): string | null {
  for (let offset = 0; offset < tail.length; offset++) {
    if (tail.has(VHD_MAGIC, offset) && isDifferencing(tail, offset)) return HAS_PARENT
  }
  return null
}

function isDifferencing(head: Head, footer: number): boolean {
  return (head.u32be(footer + 60) ?? 0) > LAST_WITHOUT_PARENT
}

function namesParent(head: Head, dynamic: number | null): boolean {
  if (dynamic === null || !head.has(DYNAMIC_MAGIC, dynamic)) return false
  return !head.has(NO_PARENT_ID, dynamic + 40) || !head.has(NO_PARENT_NAME, dynamic + 64)
}
