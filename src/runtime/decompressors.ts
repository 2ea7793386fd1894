import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { badArchive } from '../blobs/archive/bad-archive.ts'
import { type Engine, through } from '../blobs/archive/through.ts'
import type { Decompress, Decompressors } from '../blobs/archive/unpack.ts'
import { HeliostatError } from '../errors.ts'
import { inTime } from '../in-time.ts'
import { mayRun } from './deno-permissions.ts'

type Format = keyof Decompressors

interface Tool {
  command: readonly [program: string, ...args: string[]]
  /** A file of this format with nothing in it, in base64. */
  empty: string
}

/** The dictionaries of `xz -9` take 65 MiB, those of `zstd --ultra -22` 128; only files that ask for more are refused. */
const TOOLS: Record<Format, Tool> = {
  xz: {
    command: ['xz', '-dc', '--format=xz', '-T1', '--memlimit-decompress=256MiB'],
    empty: '/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=',
  },
  // It has no checksum: most damage is found since it makes no sense, but not all.
  lzma: {
    command: ['xz', '-dc', '--format=lzma', '-T1', '--memlimit-decompress=256MiB'],
    empty: 'XQAAgAD//////////wCD//v//8AAAAA=',
  },
  zstd: {
    command: ['zstd', '-dcq', '--memory=128MB'],
    empty: 'KLUv/SQAAQAAmenYUQ==',
  },
  bzip2: { command: ['bzip2', '-dc'], empty: 'QlpoORdyRThQkAAAAAA=' },
}

/**
 * Half a GiB of addresses, no file that grows, and hardly one that is open. Time is bounded by whoever reads: what
 * nobody reads any more is killed, and what has lost its pipes ends by itself.
 */
const LIMITS = ['prlimit', '--as=536870912', '--fsize=0', '--core=0', '--nofile=16'] as const

const PROBE_MS = 10_000

/**
 * What the programs on the PATH of this machine unpack, each a child process for each archive. One is there when it
 * unpacks an empty file, called as it will be: within limits, or without where the machine cannot set them.
 */
export async function findDecompressors(): Promise<Decompressors> {
  const [xz, lzma, zstd, bzip2] = await Promise.all([
    findDecompressor('xz'),
    findDecompressor('lzma'),
    findDecompressor('zstd'),
    findDecompressor('bzip2'),
  ])
  return { xz, lzma, zstd, bzip2 }
}

async function findDecompressor(format: Format): Promise<Decompress | null> {
  const { command, empty } = TOOLS[format]
  for (const line of [[...LIMITS, ...command], command]) {
    const decompress: Decompress = (body) => through(body, () => startTool(format, line))
    if (mayRunAll([command[0], line[0] ?? '']) && (await works(decompress, empty)))
      return decompress
  }
  return null
}

function mayRunAll(programs: readonly string[]): boolean {
  return programs.every((program) => mayRun(program))
}

async function works(decompress: Decompress, empty: string): Promise<boolean> {
  const unpacked = decompress(new Blob([Buffer.from(empty, 'base64')]).stream())
  const reader = unpacked.getReader()
  const first = await inTime(
    reader.read().catch(() => null),
    PROBE_MS,
  )
  void reader.cancel().catch(() => undefined)
  return first !== null && typeof first === 'object' && first.done
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

function startTool(format: Format, [program = '', ...args]: readonly string[]): Engine {
  // Their options come from the environment too, and what they say depends on its language.
  const env = { PATH: process.env.PATH, LC_ALL: 'C' }
  const child: Child = spawn(program, args, { cwd: '/', env, stdio: ['pipe', 'pipe', 'pipe'] })
  const said = listen(child.stderr)
  const ended = endOf(child)
  return {
    input: child.stdin,
    output: child.stdout,
    async conclude() {
      const { code, signal, error } = await ended
      const why = error ? error.message : signal
      if (why) throw broken(format, why, error)
      // bzip2 only warns of bytes that follow.
      const line = firstLine(said())
      if (code !== 0 || line !== '') {
        throw badArchive(format, `cannot be unpacked: ${line || `exit code ${code}`}`)
      }
    },
    refuseRest: () => badArchive(format, 'is followed by bytes that do not belong to it'),
    kill() {
      child.kill('SIGKILL')
      child.stdin.destroy()
      child.stdout.destroy()
    },
  }
}

interface End {
  code: number | null
  signal: string | null
  /** It could not be started. */
  error: Error | null
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }))
    child.once('close', (code, signal) => resolve({ code, signal, error: null }))
  })
}

function broken(format: Format, why: string, cause: unknown): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The ${format} archive could not be unpacked, since ${TOOLS[format].command[0]} was broken off: ${why}`,
    { cause },
  )
}

const MOST_SAID = 4096

/** The beginning of what it says; the rest is read too, so that it is not held up. */
function listen(stream: Readable): () => string {
  let said = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < MOST_SAID) said += text.slice(0, MOST_SAID)
  })
  stream.on('error', () => undefined)
  return () => said
}

const MAX_LINE = 200

function firstLine(text: string): string {
  const [line = ''] = text.split('\n').filter((said) => said.trim() !== '')
  return line.replace(/\p{C}/gu, '').trim().slice(0, MAX_LINE)
}
