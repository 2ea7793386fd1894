import { fstatSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import {
  configure,
  type FormattedValues,
  getLogger,
  getTextFormatter,
  type LogRecord,
  type Sink,
} from '@logtape/logtape'
import { inTime } from '../in-time.ts'
import { reasonOf } from '../reason.ts'
import { hideCredentials } from '../masking.ts'
import { jsonLine } from '../runtime/json-log.ts'
import { type LogFile, type LogTrouble, openLogFile } from './log-file.ts'
import { printError } from './print.ts'

const log = getLogger(['heliostat', 'log'])

/** How much of the log may wait in memory for the reader of a pipe. */
const MOST_UNREAD = 1 << 20
/** How long he has to read the end of it. */
const LAST_MS = 1000

/** LogTape's word for sinks that read a record at once, and so need no copy of it. */
const IMMEDIATE = Symbol.for('LogTape.sinkSnapshotPolicy.immediate')

/** The log of a running server. */
export interface Log {
  /** Goes on in a new file, since the old one may have been moved away; null where the log is no file of its own. */
  reopen: (() => void) | null
  /** Whether several processes would mix up their lines in it. */
  isPipe: boolean
  /** Resolves when all has gone out that a reader takes within a moment. */
  drained(): Promise<unknown>
}

/** Logs to the file, or else to stderr: as text on a terminal, as one JSON object a line otherwise. */
export async function configureLogging(file: string | null, debug: boolean): Promise<Log> {
  const { sink, ...output } = file === null ? logToStderr() : logToFile(file)
  await configure({
    sinks: { log: Object.assign(sink, { [IMMEDIATE]: true }) },
    loggers: [
      { category: 'heliostat', lowestLevel: debug ? 'debug' : 'info', sinks: ['log'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['log'] },
    ],
  })
  return output
}

const text = getTextFormatter({
  timestamp: 'time',
  value: (value) => hideCredentials(typeof value === 'string' ? value : `${JSON.stringify(value)}`),
  format: ({ timestamp, level, category, message }: FormattedValues) =>
    `${timestamp} ${level} ${category.replace(/^heliostat·/, '')}: ${message}`,
})

function logToFile(path: string): Log & { sink: Sink } {
  // Who does what is not for everybody on the machine.
  const file = openLogFile(() => openSync(path, 'a', 0o640), {
    ...trouble,
    failing(error) {
      printError(`The log cannot be written, and is tried again: ${reasonOf(error)}`)
    },
  })
  return {
    ...linesTo(file),
    isPipe: false,
    reopen() {
      try {
        file.reopen()
      } catch (error) {
        log.error('The log goes on in its old file: {reason}', { reason: reasonOf(error) })
      }
    },
  }
}

function logToStderr(): Log & { sink: Sink } {
  const { fd, isTTY } = process.stderr
  const goesToPipe = isPipe(fd)
  const isFile = !isTTY && !goesToPipe
  return {
    ...(isFile ? linesTo(openLogFile(() => fd, trouble)) : linesToReader()),
    isPipe: goesToPipe,
    reopen: null,
  }
}

const trouble: LogTrouble = {
  failing: () => undefined,
  over(lostLines) {
    log.error('The log could not be written: {lostLines} lines are lost', { lostLines })
  },
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket()
}

function linesTo(file: LogFile) {
  process.on('exit', file.flush)
  return {
    sink: (record: LogRecord) => file.write(jsonLine(record)),
    drained: async () => file.flush(),
  }
}

/** A reader that does not read must not cost the memory. One that is gone costs nothing: what he is sent ends at once. */
function linesToReader() {
  const { stderr } = process
  const format = stderr.isTTY ? text : jsonLine
  let lost = 0

  function sink(record: LogRecord): void {
    if (stderr.writableLength > (lost === 0 ? MOST_UNREAD : MOST_UNREAD / 2)) {
      lost++
      return
    }
    const missing = lost
    lost = 0
    if (missing > 0) trouble.over(missing)
    stderr.write(format(record))
  }

  return {
    sink,
    drained: () => inTime(new Promise((resolve) => stderr.write('', resolve)), LAST_MS),
  }
}

/** Passes on to stderr what another process logs, whole lines only, and no faster than they are read. */
export function passOn(log: Readable): void {
  const { stderr } = process
  let rest: Buffer = Buffer.alloc(0)
  log.on('data', (bytes: Buffer) => {
    const all = Buffer.concat([rest, bytes])
    const end = all.lastIndexOf('\n') + 1
    rest = all.subarray(end)
    if (end === 0) return
    stderr.write(all.subarray(0, end))
    if (stderr.writableLength <= MOST_UNREAD) return
    log.pause()
    stderr.once('drain', () => log.resume())
  })
  log.on('end', () => stderr.write(rest))
}
