import { HeliostatError } from '../errors.ts'

export interface ByteRange {
  offset: number
  length: number
}

/** What one request header asked for, and of how many bytes. */
interface Asked {
  header: 'Range' | 'Content-Range'
  value: string
  size: number
}

/** The slice asked for; null means the whole. Throws 416 or 400 where there is none to serve. */
export function requestedRange(headers: Headers, size: number): ByteRange | null {
  const range = headers.get('Range')
  if (range !== null) return fromRange({ header: 'Range', value: range, size })

  // Old Glance clients ask with the response header; a proper Range wins over it.
  const legacy = headers.get('Content-Range')
  if (legacy !== null) return fromContentRange({ header: 'Content-Range', value: legacy, size })

  return null
}

/** The `Content-Range` value of a 206. */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`
}

function fromRange(asked: Asked): ByteRange {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(onlyRangeSpec(asked)) ?? []
  if (first === undefined || last === undefined || first + last === '') throw invalid(asked)
  if (first === '') return suffix(asked, Number(last))

  const start = Number(first)
  // A last-pos before the first-pos makes the range invalid, even where both are past the end.
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.1.1
  if (last !== '' && Number(last) < start) throw invalid(asked)
  if (start >= asked.size) throw unsatisfiable(asked)

  // A last-pos that is absent or past the end means the rest.
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
  const end = last === '' ? asked.size : Math.min(Number(last) + 1, asked.size)
  return { offset: start, length: end - start }
}

/** The one range of a `bytes` set. RFC 9110 would ignore other units; Glance refuses them. */
function onlyRangeSpec(asked: Asked): string {
  // Range units are case-insensitive. https://www.rfc-editor.org/rfc/rfc9110#section-14.1
  const [, set] = /^bytes=(.*)$/i.exec(asked.value) ?? []
  if (set === undefined) throw invalid(asked)

  // A recipient must ignore empty list elements, so `bytes=0-4,` is one range.
  // https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2
  const [spec, ...more] = set
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
  if (more.length > 0) throw severalRanges()

  return spec ?? ''
}

function suffix(asked: Asked, wanted: number): ByteRange {
  // A suffix longer than the representation means all of it, and one of length 0 is unsatisfiable;
  // Glance answers that with the whole, which no client can have meant.
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
  const length = Math.min(wanted, asked.size)
  if (length === 0) throw unsatisfiable(asked)

  return { offset: asked.size - length, length }
}

function fromContentRange(asked: Asked): ByteRange {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(asked.value) ?? []
  if (first === undefined || last === undefined) throw invalid(asked)

  const start = Number(first)
  const end = Number(last) + 1
  // A last-pos before the first-pos, or at or past the stated complete length, is invalid.
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.4
  if (end <= start || (total !== '*' && Number(total) < end)) throw invalid(asked)
  if (end > asked.size) throw unsatisfiable(asked)

  return { offset: start, length: end - start }
}

function invalid(asked: Asked): HeliostatError {
  return notSatisfiable(asked, `Invalid ${asked.header} header.`)
}

function unsatisfiable(asked: Asked): HeliostatError {
  const { header, value, size } = asked
  return notSatisfiable(asked, `${header} "${value}" is not within the ${size} bytes of the image`)
}

function notSatisfiable(asked: Asked, message: string): HeliostatError {
  // A 416 to a byte-range request should state the current length.
  // https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17
  const headers = { 'Content-Range': `bytes */${asked.size}` }
  return new HeliostatError('range-not-satisfiable', message, { headers })
}

function severalRanges(): HeliostatError {
  return new HeliostatError(
    'invalid',
    'Requests with multiple ranges are not supported in Glance. Send one request for each range',
  )
}
