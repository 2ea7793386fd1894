/**
 * What a certificate may be used for: what node:crypto does not tell on every runtime, read from its DER.
 * https://www.rfc-editor.org/rfc/rfc5280#section-4.2
 */

/** Object identifiers as they are encoded, hex. */
const BASIC_CONSTRAINTS = '551d13'
const KEY_USAGE = '551d0f'
/** Critical ones that are looked at here, or that say nothing of who has signed an image. */
const UNDERSTOOD = [BASIC_CONSTRAINTS, KEY_USAGE, '551d25', '551d11', '551d12', '551d20']
/** RSA with MD2, MD4, MD5 and SHA-1, DSA and ECDSA with SHA-1: of these somebody can make a second certificate. */
const BROKEN_SIGNATURES = [
  ...['02', '03', '04', '05'].map((last) => `2a864886f70d0101${last}`),
  '2a8648ce380403',
  '2a8648ce3d0401',
]

const BOOLEAN = 0x01
const INTEGER = 0x02
/** [3] of a TBSCertificate. */
const EXTENSIONS = 0xa3

export interface Usage {
  /** May be the issuer of others. */
  isAuthority: boolean
  /** How many authorities may stand between it and the last certificate. */
  maxBetween: number
  /** May sign other things than certificates. */
  maySign: boolean
  /** Has something critical in it that is not understood here. */
  hasUnknown: boolean
  /** Its own signature is by an algorithm that can be forged. */
  isForgeable: boolean
}

/** Throws for what is no certificate. */
export function usageOf(der: Uint8Array): Usage {
  const [certificate] = elements(der)
  const [tbs, algorithm] = elements(contentOf(certificate))
  const extensions = extensionsOf(contentOf(tbs))
  const constraints = elements(first(extensions.get(BASIC_CONSTRAINTS)?.value))
  const isCa = constraints.some(({ tag, content }) => tag === BOOLEAN && content[0] !== 0)
  const length = constraints.find(({ tag }) => tag === INTEGER)
  const usage = extensions.get(KEY_USAGE)?.value
  const bits = usage && (elements(usage)[0]?.content[1] ?? 0)
  return {
    isAuthority: isCa && (bits === undefined || (bits & 0x04) !== 0),
    maxBetween: length ? numberOf(length.content) : Infinity,
    maySign: bits === undefined || (bits & 0xc0) !== 0,
    hasUnknown: [...extensions].some(([id, { critical }]) => critical && !UNDERSTOOD.includes(id)),
    isForgeable: BROKEN_SIGNATURES.includes(hex(first(algorithm?.content))),
  }
}

interface Extension {
  critical: boolean
  value: Uint8Array
}

function extensionsOf(tbs: Uint8Array): Map<string, Extension> {
  const wrapper = elements(tbs).find(({ tag }) => tag === EXTENSIONS)
  const found = new Map<string, Extension>()
  for (const { content } of elements(first(wrapper?.content))) {
    const parts = elements(content)
    found.set(hex(contentOf(parts[0])), {
      critical: parts.some((part) => part.tag === BOOLEAN && part.content[0] !== 0),
      value: contentOf(parts.at(-1)),
    })
  }
  return found
}

interface Element {
  tag: number
  content: Uint8Array
}

/** The content of the first element in these bytes; nothing of nothing. */
function first(bytes: Uint8Array | undefined): Uint8Array {
  return elements(bytes ?? new Uint8Array())[0]?.content ?? new Uint8Array()
}

function contentOf(element: Element | undefined): Uint8Array {
  if (element) return element.content
  throw new RangeError('A certificate ends early')
}

/** One after the other, as DER has them: tags of one byte, lengths of at most three more. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    const short = bytes[at + 1] ?? 0x80
    const more = short < 0x80 ? 0 : short - 0x80
    if (short === 0x80 || more > 3) throw new RangeError('A certificate has a length that is none')
    const start = at + 2 + more
    const length = more === 0 ? short : numberOf(bytes.subarray(at + 2, start))
    if (start + length > bytes.length) throw new RangeError('A certificate ends early')
    found.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return found
}

function numberOf(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0)
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
