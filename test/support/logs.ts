import { configureSync, type LogRecord, resetSync } from '@logtape/logtape'

/** Collects what this process logs, as "level: message", until it is told to stop. */
export function collectLogs() {
  const lines: string[] = []
  const note = ({ level, message }: LogRecord) => {
    lines.push(`${level}: ${message.join('')}`)
  }
  configureSync({
    sinks: { note },
    loggers: [
      { category: 'heliostat', sinks: ['note'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error' },
    ],
  })
  return { lines, stop: () => resetSync() }
}
