import { HeliostatError } from '../../errors.ts'
import { parseInteger } from '../../paging.ts'

export const TIME_OPERATORS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const

export type TimeOperator = (typeof TIME_OPERATORS)[number]

/** What a time is compared with: `second` is milliseconds since 1970 UTC, always a whole second. */
export interface TimeTest {
  operator: TimeOperator
  second: number
}

export function parseBound(text: string): number {
  const value = parseInteger(text)
  if (value === null) {
    throw new HeliostatError('invalid', 'Unable to filter on a range with a non-numeric value.')
  }
  return value
}

const BOOLEANS = new Map([
  ['true', true],
  ['false', false],
])

/** `spelling` must be `true` or `false`: the text, lowered where its case does not matter. */
export function parseBoolean(name: string, text: string, spelling = text): boolean {
  const value = BOOLEANS.get(spelling)
  if (value === undefined) {
    throw new HeliostatError(
      'invalid',
      `Invalid value '${text}' for '${name}' filter. Valid values are 'true' or 'false'.`,
    )
  }
  return value
}

/** The values of which a text column must have one: `value`, `eq:value` or `in:a,b,"c,d"`. */
export function parseTextTest(expression: string): string[] {
  const colon = expression.indexOf(':')
  // A time holds colons of its own, yet needs no operator before it.
  if (colon === -1 || parseTime(expression) !== null) return [expression]

  const operator = expression.slice(0, colon)
  const operand = expression.slice(colon + 1)
  if (operator === 'eq') return [operand]
  if (operator === 'in') return parseQuotedList(operand)
  throw new HeliostatError('invalid', `Unable to filter by unknown operator '${operator}'.`)
}

// No two alternatives accept the same character, so that matching takes linear time.
const ITEM = /(?:"((?:[^"\\]|\\"|\\(?!"))*)"|((?:[^",\\]|\\"|\\(?!"))*))(?:,|$)/y
const UNCLOSED = /"(?:[^"\\]|\\"|\\(?!"))*$/y

/**
 * Splits `a,b,"c,d"` at the commas outside double quotes. A backslash keeps a quote from opening or
 * closing and is dropped. A comma ends a value, so one at the very end adds no empty value.
 */
export function parseQuotedList(text: string): string[] {
  const values: string[] = []
  let position = 0
  while (position < text.length) {
    ITEM.lastIndex = position
    const item = ITEM.exec(text)
    if (item === null) throw misquoted(text, position)
    values.push((item[1] ?? item[2] ?? '').replaceAll('\\"', '"'))
    position = ITEM.lastIndex
  }
  return values
}

function misquoted(text: string, position: number): HeliostatError {
  UNCLOSED.lastIndex = position
  const reason = !text.startsWith('"', position)
    ? 'There is no comma before opening quotation mark.'
    : UNCLOSED.test(text)
      ? 'The quote is not closed.'
      : 'There is no comma after closing quotation mark.'
  return new HeliostatError('invalid', `Invalid filter value ${text}. ${reason}`)
}

/** `[operator:]time`, where no operator means `eq`. */
export function parseTimeTest(name: string, expression: string): TimeTest {
  const [, prefix = 'eq', text = expression] = /^([a-z]+):(.*)$/is.exec(expression) ?? []
  const operator = TIME_OPERATORS.find((known) => known === prefix)
  if (operator === undefined) {
    throw new HeliostatError('invalid', 'Unable to filter on a unknown operator.')
  }
  const second = parseTime(text)
  if (second === null) {
    throw new HeliostatError(
      'invalid',
      `Bad "${name}" query filter format. Use ISO 8601 DateTime notation.`,
    )
  }
  return { operator, second }
}

const CLOCK = String.raw`(?<hour>\d\d)(?::?(?<minute>\d\d)(?::?(?<second>\d\d)(?:[.,]\d+)?)?)?`
const ZONE = String.raw`Z|(?<sign>[+-])(?<zoneHour>[01]\d|2[0-3])(?::?(?<zoneMinute>[0-5]\d))?`
const DAY = String.raw`-?(?<day>\d\d)(?:[T ]${CLOCK}(?:${ZONE})?)?`
// A year or a month may stand alone, but never as YYYYMM, which might also be YYMMDD.
const TIME = new RegExp(String.raw`^(?<year>\d{4})(?!\d\d$)(?:-?(?<month>\d\d)(?:${DAY})?)?$`)

/**
 * An ISO 8601 time, UTC unless it says otherwise, as milliseconds since 1970, or `null`. A fraction
 * of a second is cut off.
 */
function parseTime(text: string): number | null {
  const parts = TIME.exec(text)?.groups
  if (parts === undefined) return null

  const { year, month = '01', day = '01' } = parts
  const { hour = '00', minute = '00', second = '00' } = parts
  const utc = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const time = Date.parse(utc)
  // Engines roll 30 February over into March instead of refusing it.
  if (Number.isNaN(time) || new Date(time).toISOString() !== utc) return null
  return time - zoneOffset(parts)
}

function zoneOffset({ sign, zoneHour = '0', zoneMinute = '0' }: Record<string, string>): number {
  const minutes = Number(zoneHour) * 60 + Number(zoneMinute)
  return (sign === '-' ? -minutes : minutes) * 60_000
}
