/** Tars as the tools write them, and as they do not. */
import { latin1 } from './headers.ts'

const BLOCK = 512
const POSIX = 'ustar\x0000'
export const GNU = 'ustar  \0'
/** Of old tars. */
export const NO_MAGIC = ''

export interface Member {
  name?: string
  type?: string
  content?: Uint8Array
  /** In place of that of the content. */
  size?: number | string
  magic?: string
  prefix?: string
  link?: string
  mode?: string
  /** In place of the right one. */
  checksum?: number
}

/** With the two blocks of zeros at its end, and what fills the last record of ten kilobytes. */
export function tar(members: readonly Member[], end = 2 * BLOCK): Uint8Array {
  return together([...members.flatMap(parts), new Uint8Array(end)])
}

export function together(list: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(list))
}

function parts(member: Member): Uint8Array[] {
  const { content = new Uint8Array() } = member
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK
  return [tarHeader(member), content, new Uint8Array(padding)]
}

export function tarHeader(member: Member): Uint8Array {
  const { name = 'a', type = '0', content, magic = POSIX, prefix = '', link = '' } = member
  const { size = content?.length ?? 0 } = member
  const bytes = new Uint8Array(BLOCK)
  const put = (at: number, text: string) => bytes.set(latin1(text), at)
  put(0, name)
  put(100, member.mode ?? '0000644\0')
  put(108, '0000000\x000000000\0')
  put(124, typeof size === 'string' ? size : `${size.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(148, ' '.repeat(8))
  put(156, type)
  put(157, link)
  put(257, magic)
  put(345, prefix)
  const sum = member.checksum ?? bytes.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return bytes
}

/** A header of its own for what does not fit: GNU's name, or records of pax. */
export function longName(name: string): Member {
  return { name: '././@LongLink', type: 'L', magic: GNU, content: latin1(`${name}\0`) }
}

export function pax(records: Record<string, string>, type = 'x'): Member {
  const text = Object.entries(records).map(([key, value]) => paxRecord(key, value))
  return { name: 'PaxHeaders/a', type, content: latin1(text.join('')) }
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length
  }
  return `${length}${rest}`
}

export const OVF: Member = {
  name: 'appliance.ovf',
  content: latin1('<?xml version="1.0"?>\n<Envelope vmw:buildId="build-1"/>\n'),
}
export const MANIFEST: Member = {
  name: 'appliance.mf',
  content: latin1('SHA256(appliance.ovf)= 0000\n'),
}
