import type { LogRecord } from '@logtape/logtape'

/** A log record as one JSON object a line, its message without quotes around the values. */
export function jsonLine({ timestamp, level, category, message, properties }: LogRecord): string {
  const time = new Date(timestamp).toISOString()
  const logger = category.join('.')
  return `${JSON.stringify({ time, level, logger, message: message.join(''), ...properties })}\n`
}
