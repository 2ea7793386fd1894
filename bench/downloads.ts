/** Downloads of whole files, by a process that does nothing else. */
import { join } from 'node:path'
import { z } from 'zod'
import type { Lab } from './lab.ts'

const CLIENTS = join(import.meta.dirname, 'load/downloads.ts')

export const downloadOptions = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  clients: z.number(),
  /** How long they go on, each with one download after the other; null: each downloads once. */
  seconds: z.number().nullable(),
  /** The size of the file, where each client is to begin at another place in it. */
  spreadOver: z.number().optional(),
})
export type DownloadOptions = z.output<typeof downloadOptions>

const downloadReport = z.object({
  bytes: z.number(),
  seconds: z.number(),
  /** Milliseconds until the slowest answer began. */
  firstByte: z.number(),
})
export type DownloadReport = z.output<typeof downloadReport>

/** Throws where any download has failed. */
export async function download(lab: Lab, options: DownloadOptions): Promise<DownloadReport> {
  const args = ['--import', 'tsx', CLIENTS, JSON.stringify(options)]
  return downloadReport.parse(JSON.parse(await lab.command(process.execPath, args)))
}

/** Something that can be downloaded. */
export interface Download {
  url: string
  headers: Record<string, string>
}

/** Downloads once and throws unless that is what is in the file. */
export async function requireSame(lab: Lab, { url, headers }: Download, file: string) {
  const script =
    'set -o pipefail; file=$1; shift; curl --silent --show-error --fail "$@" | cmp - "$file"'
  const lines = Object.entries(headers).flatMap(([name, value]) => [
    '--header',
    `${name}: ${value}`,
  ])
  await lab.command('bash', ['-c', script, 'bash', file, ...lines, url])
}
