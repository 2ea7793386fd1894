import type { ImageFormat } from './format.ts'
import { byteCount, type Head } from './head.ts'

const VDI_SIGNATURE = 0xbeda107f
/** The types are 1 (dynamic), 2 (fixed), 3 (undo) and 4 (the differences to a parent file). */
const LAST_WITHOUT_PARENT = 2
/** Of the parent, and of its state. */
const NO_PARENT_IDS = new Uint8Array(32)

export const vdi: ImageFormat = {
  name: 'vdi',
  matches: (head) => head.u32le(0x40) === VDI_SIGNATURE,
  virtualSize: (head) => byteCount(head.u64le(0x170)),
  unsafe,
}

function unsafe(head: Head): string | null {
  const version = head.u16le(0x46)
  // The header of other versions has its fields elsewhere.
  if (version !== null && version > 1) return `The vdi version ${version} is not supported`
  const type = head.u32le(version === 1 ? 0x4c : 0x48) ?? 0
  const differs = type > LAST_WITHOUT_PARENT || (version === 1 && namesParent(head))
  return differs ? 'The vdi image has a parent file' : null
}

function namesParent(head: Head): boolean {
  return head.u32le(0x1c4) !== null && !head.has(NO_PARENT_IDS, 0x1a8)
}
