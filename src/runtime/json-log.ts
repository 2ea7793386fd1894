import type { LogRecord } from '@logtape/logtape'
import { hideCredentials, mayHaveCredentials } from '../masking.ts'

/** A log record as one JSON object a line, its message without quotes around the values, nothing with credentials. */
export function jsonLine({ timestamp, level, category, message, properties }: LogRecord): string {
  const time = isoTime(timestamp)
  const logger = category.join('.')
  const line = { time, level, logger, message: message.join(''), ...properties }
  const text = JSON.stringify(line)
  // A look at the whole takes a tenth of one at each value.
  if (!mayHaveCredentials(text)) return `${text}\n`
  return `${JSON.stringify(line, (_, value) => anonymous(value))}\n`
}

let latest = { timestamp: NaN, text: '' }

/** A busy site has several lines a millisecond. */
function isoTime(timestamp: number): string {
  if (latest.timestamp !== timestamp) {
    latest = { timestamp, text: new Date(timestamp).toISOString() }
  }
  return latest.text
}

function anonymous(value: unknown): unknown {
  return typeof value === 'string' ? hideCredentials(value) : value
}
