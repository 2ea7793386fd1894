import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

const TIMEOUT_MS = 60_000
const MIB = 1024 * 1024

/** What the files that an image might lead to have in their names, and in their content. */
export const SECRET = 'secret'
export const MARKER = 'TOP-SECRET-MARKER'

interface Ended {
  failed: boolean
  stdout: string
  stderr: string
}

/** Runs in the folder of the image, so that names without a folder lead to its neighbours. */
function run(path: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: dirname(path), timeout: TIMEOUT_MS, maxBuffer: 16 * MIB }
    execFile('qemu-img', args, options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, stdout, stderr })
    })
  })
}

/**
 * What qemu-img says where it has made no image yet: it weighs its key derivation by the CPU time of a few milliseconds,
 * which the kernel counts by ticks, and so may be told of none at all. No option turns that off.
 */
const NOT_WEIGHED = 'Unable to get accurate CPU usage'
const WEIGHINGS = 20

export async function createImage(path: string, args: readonly string[]): Promise<void> {
  let ended = await run(path, args)
  for (let i = 1; i < WEIGHINGS && ended.stderr.includes(NOT_WEIGHED); i++) {
    ended = await run(path, args)
  }
  if (ended.failed) throw new Error(`qemu-img ${args.join(' ')}: ${ended.stderr}`)
}

export interface Look {
  /** What it was opened as; `null` where it could not be opened. */
  format: string | null
  /** Bytes, 0 where it could not be opened. */
  size: number
  /** Other files that qemu opened, would open, or could not open. */
  references: string[]
}

/** What qemu takes the image for when its format is given, or probed. */
export async function look(path: string, format: string | null): Promise<Look> {
  const name = basename(path)
  const forced = format === null ? [] : ['-f', format]
  const { failed, stdout, stderr } = await run(path, ['info', '--output=json', ...forced, name])
  if (failed) {
    return { format: null, size: 0, references: stderr.includes(SECRET) ? [stderr] : [] }
  }
  const found: unknown = JSON.parse(stdout)
  const size: unknown = Object(found)['virtual-size']
  const openedAs: unknown = Object(found).format
  return {
    format: String(openedAs),
    size: Number(size),
    references: referencesIn(found, name),
  }
}

/** Of a key that names a file, anything but the image itself; and every mention of a secret. */
function referencesIn(found: unknown, name: string, key = ''): string[] {
  if (typeof found === 'object' && found !== null) {
    return Object.entries(found).flatMap(([inner, value]) => referencesIn(value, name, inner))
  }
  if (typeof found !== 'string') return []
  const leads = key.endsWith('filename') || key === 'data-file'
  return (leads && found !== name) || found.includes(SECRET) ? [`${key}: ${found}`] : []
}

/** Whether what a guest would read has the content of one of the secret files in it. */
export async function showsSecret(path: string, format: string): Promise<boolean> {
  const converted = `${path}.converted`
  await run(path, ['convert', '-f', format, '-O', 'raw', basename(path), basename(converted)])
  const bytes = await readFile(converted).catch(() => Buffer.alloc(0))
  return bytes.includes(MARKER)
}
