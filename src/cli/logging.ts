import { closeSync, openSync } from 'node:fs'
import { getFileSink } from '@logtape/file'
import {
  configure,
  type FormattedValues,
  getTextFormatter,
  type LogRecord,
  type Sink,
} from '@logtape/logtape'
import { hideCredentials } from '../masking.ts'
import { jsonLine } from '../runtime/json-log.ts'

/** Logs to the file, or else to stderr: as text on a terminal, as one JSON object a line otherwise. */
export async function configureLogging(file: string | null, debug: boolean): Promise<void> {
  await configure({
    sinks: { log: file === null ? stderrSink() : fileSink(file) },
    loggers: [
      { category: 'heliostat', lowestLevel: debug ? 'debug' : 'info', sinks: ['log'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['log'] },
    ],
  })
}

const text = getTextFormatter({
  timestamp: 'time',
  value: (value) => hideCredentials(typeof value === 'string' ? value : `${JSON.stringify(value)}`),
  format: ({ timestamp, level, category, message }: FormattedValues) =>
    `${timestamp} ${level} ${category.replace(/^heliostat·/, '')}: ${message}`,
})

/** Who does what is not for everybody on the machine. */
function fileSink(file: string): Sink {
  closeSync(openSync(file, 'a', 0o640))
  return getFileSink(file, { formatter: jsonLine })
}

function stderrSink(): Sink {
  const format = process.stderr.isTTY ? text : jsonLine
  return (record: LogRecord) => process.stderr.write(format(record))
}
