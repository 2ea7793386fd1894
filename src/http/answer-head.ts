/** The head of a plain answer of HTTP/1.1. */
export interface AnswerHead {
  status: number
  /** Bytes of the body. */
  length: number
  /** Whether the connection may be used again. */
  keepsAlive: boolean
}

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/
const FIELD = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*(.*?)[ \t]*$/i
const LENGTH = /^\d{1,15}$/

/**
 * What a head says, without the empty line at its end. Null where it is anything but plain: of another version, encoded
 * somehow, of a length that is not told once and for all.
 */
export function parseAnswerHead(text: string): AnswerHead | null {
  const [first = '', ...lines] = text.split('\r\n')
  const status = STATUS_LINE.exec(first)?.[1]
  const fields = fieldsOf(lines)
  if (status === undefined || !fields) return null
  const length = fields.get('content-length') ?? ''
  const encoding = fields.get('content-encoding') ?? 'identity'
  if (fields.has('transfer-encoding') || encoding.toLowerCase() !== 'identity') return null
  if (!LENGTH.test(length)) return null
  const keepsAlive = !/\bclose\b/i.test(fields.get('connection') ?? '')
  return { status: Number(status), length: Number(length), keepsAlive }
}

/** By their names in lower case; null where a line is none, or a name comes twice. */
function fieldsOf(lines: string[]): Map<string, string> | null {
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = FIELD.exec(line) ?? []
    const key = name.toLowerCase()
    if (key === '' || (fields.has(key) && key !== 'set-cookie')) return null
    fields.set(key, value)
  }
  return fields
}
