import type { Head } from './head.ts'

/** Old releases of qemu probe so many bytes; new ones 512. */
const PROBED = 2048
const SECTOR = 512
/** So much of a descriptor is read by qemu, inside an image or alone. */
export const MAX_DESCRIPTOR = 1024 * 1024 - 1

/** How VMware's tools and VirtualBox tell a descriptor. */
const TITLE = /^#\s*disk\s*descriptor\s*file/i
/** How qemu does: comments and blank lines, then a version. A comment may hold any byte, NULs among them. */
const VERSION_BEHIND_COMMENTS = /^(?:#[^\n]*\n|[ \t\r]*\n)*version=/i

/** Whether a reader may take the bytes for a descriptor alone, whose data are in the files that it names. */
export function isDescriptorText(head: Head): boolean {
  const start = head.characters(0, PROBED)
  if (TITLE.test(start)) return true
  if (VERSION_BEHIND_COMMENTS.test(start)) return hasCreateType(head)
  return isPrintable(start.slice(0, SECTOR)) && /createtype="/i.test(descriptorOf(head))
}

/** qemu asks for no more in what it was told is a vmdk, nor for a `=` behind it. */
export function hasCreateType(head: Head): boolean {
  return /createtype/i.test(descriptorOf(head))
}

function descriptorOf(head: Head): string {
  return head.text(0, MAX_DESCRIPTOR)
}

function isPrintable(start: string): boolean {
  return start !== '' && !/[^\s\x20-\x7e]/.test(start)
}
