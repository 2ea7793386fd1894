/** The layouts that keep all data in the one file; compared in lower case. */
const SINGLE_FILE_TYPES = ['monolithicsparse', 'streamoptimized']

const EXTENT = /^(?:rw|rdonly|noaccess)\s/
const FIELD = /^[^\s=]+=/

export function hasCreateType(descriptor: string): boolean {
  return /createtype="/i.test(descriptor)
}

/**
 * What is dangerous about a descriptor (`null` if there is none).
 * Readers disagree on case and on what a comment is, so nothing is let through that one of them
 * could take for another file.
 */
export function unsafeDescriptor(descriptor: string | null): string | null {
  if (!descriptor) return 'The vmdk image has no descriptor'
  if (!/^\p{ASCII}*$/u.test(descriptor)) return 'The vmdk descriptor is not ASCII text'
  const text = descriptor.toLowerCase()
  if (!hasSingleFileType(text)) return 'The vmdk subformat is not allowed'
  // qemu finds the hint anywhere, even in a comment, and opens it as a backing file.
  if (/parentfilenamehint(?!="")/.test(text)) return 'The vmdk image has a parent file'
  const lines = text.split('\n').map((line) => line.trim())
  if (!lines.every(isKnownLine)) return 'The vmdk descriptor has an invalid line'
  const extents = lines.filter((line) => EXTENT.test(line))
  if (extents.length === 0) return 'The vmdk descriptor has no extents'
  if (extents.some((line) => line.includes('/'))) return 'A vmdk extent names a path'
  return null
}

// Every mention must be allowed, or a second one in other letters could be the one that qemu reads.
function hasSingleFileType(text: string): boolean {
  const types = Array.from(text.matchAll(/createtype="([^"]*)/g), (match) => match[1] ?? '')
  return types.length > 0 && types.every((type) => SINGLE_FILE_TYPES.includes(type))
}

function isKnownLine(line: string): boolean {
  return (
    line === '' ||
    line.startsWith('#') ||
    line.startsWith('ddb') ||
    FIELD.test(line) ||
    EXTENT.test(line)
  )
}
