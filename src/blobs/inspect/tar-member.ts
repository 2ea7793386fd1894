import type { TarHeader } from './tar-header.ts'

const FILES: readonly string[] = ['0', '7']
const FOLDER = '5'

const FORBIDDEN: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
  K: 'a link with a long name',
  M: 'the rest of a file of another archive',
  S: 'a sparse file',
  V: 'the name of a volume',
}

const MAX_NAME = 1024
/** Of a name so many characters are told. */
const TOLD = 80

/** What is dangerous about a member for whoever unpacks it, or `null`. */
export function unsafeMember({ name, type, size }: TarHeader): string | null {
  const who = `The ova member ${quoted(name)}`
  if (type !== FOLDER && !FILES.includes(type)) {
    return `${who} is ${FORBIDDEN[type] ?? `of the unknown type ${quoted(type)}`}`
  }
  const danger = unsafeName(name)
  if (danger !== null) return `${who} ${danger}`
  if (type === FOLDER) return size === 0 ? null : `${who} is a folder with content`
  // Old tars tell folders by their names alone, and readers disagree on whether content follows.
  return name.endsWith('/') ? `${who} has the name of a folder` : null
}

/** Windows counts too: that is where some of those who unpack are. */
function unsafeName(name: string): string | null {
  if (name === '') return 'has no name'
  if (name.length > MAX_NAME) return `has a name of more than ${MAX_NAME} characters`
  if (/^[/\\]|^[A-Za-z]:/.test(name)) return 'has an absolute name'
  if (name.split(/[/\\]/).includes('..')) return 'leads out of its folder'
  if (name.includes('\\')) return 'has a backslash in its name'
  return /\p{Cc}/u.test(name) ? 'has a control character in its name' : null
}

export function quoted(name: string): string {
  return JSON.stringify(name.length > TOLD ? `${name.slice(0, TOLD)}…` : name)
}

const DISK_FORMATS: Readonly<Record<string, string>> = {
  vmdk: 'vmdk',
  qcow: 'qcow2',
  qcow2: 'qcow2',
  vhd: 'vhd',
  vhdx: 'vhdx',
  vdi: 'vdi',
  iso: 'iso',
  img: 'raw',
  raw: 'raw',
}

/** The disk format that a member has by its name, `null` for none. */
export function formatOfName(name: string): string | null {
  const ending = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(DISK_FORMATS, ending) ? (DISK_FORMATS[ending] ?? null) : null
}
