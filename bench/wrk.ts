/** Many small requests by wrk, which costs less than what it measures. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Lab } from './lab.ts'

const SCRIPT = join(import.meta.dirname, 'load/wrk.lua')
const TIMEOUT_SECONDS = 60

const reportLine = z.object({
  requests: z.number(),
  seconds: z.number(),
  bytes: z.number(),
  /** Milliseconds. */
  p50: z.number(),
  p99: z.number(),
  /** Answers other than 2xx and 3xx. */
  refused: z.number(),
  /** Connections that failed, and requests that timed out. */
  broken: z.number(),
})
export type WrkReport = z.output<typeof reportLine>

export interface WrkOptions {
  url: string
  clients: number
  headers: Record<string, string>
  /** Instead of a turn's usual length. */
  seconds?: number
  /** Ranges of so many bytes all over a file of that size, instead of whole answers. */
  ranges?: { size: number; length: number }
  /** Paths that are asked for in turns, from anywhere among them on, instead of the one in the URL. */
  paths?: string[]
}

/** Throws where any request has failed. */
export async function runWrk(lab: Lab, options: WrkOptions): Promise<WrkReport> {
  const { url, clients, headers, ranges, paths, seconds = lab.seconds } = options
  const args = [
    // One thread, which leaves the other cores to what is measured.
    ...['--threads', '1', '--connections', `${clients}`],
    ...['--duration', `${seconds}s`, '--timeout', `${TIMEOUT_SECONDS}s`],
    ...['--script', SCRIPT],
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    url,
    ...(ranges ? ['--', 'ranges', `${ranges.size}`, `${ranges.length}`] : []),
    ...(paths ? ['--', 'paths', await writePaths(lab, paths)] : []),
  ]
  const report = parseReport(await lab.command('wrk', args))
  if (ranges) requireRanges(report, ranges.length)
  return report
}

async function writePaths(lab: Lab, paths: string[]): Promise<string> {
  const file = join(await lab.subfolder('wrk'), 'paths')
  const start = Math.floor(Math.random() * paths.length)
  await writeFile(file, [...paths.slice(start), ...paths.slice(0, start)].join('\n'))
  return file
}

/** Reads the line that wrk.lua adds to wrk's own words; throws where requests have failed. */
export function parseReport(output: string): WrkReport {
  const line = output.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(`wrk has told nothing: ${output.trim()}`)
  const report = reportLine.parse(JSON.parse(line))
  const { requests, refused, broken } = report
  if (refused > 0) throw new Error(`${refused} of ${requests} answers were errors`)
  if (broken > 0) throw new Error(`${broken} requests failed or timed out`)
  if (requests === 0) throw new Error('wrk got no answer')
  return report
}

/** An answer that is the whole file would be no error to wrk. The bytes of heads come on top. */
function requireRanges({ bytes, requests }: WrkReport, length: number): void {
  const each = bytes / requests
  if (each >= length && each < length * 1.1) return
  throw new Error(`an answer has ${Math.round(each)} bytes, wanted ranges of ${length}`)
}
