import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, mkdtemp, open, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { isOutOfSpace, noSpace } from '../blobs/fs/disk.ts'
import { writeFully } from '../blobs/fs/file-bytes.ts'
import { HeliostatError } from '../errors.ts'
import type { Conversion, ConversionRequest, ImageConverter } from '../imports/conversion.ts'
import { mayRun } from './deno-permissions.ts'

/** Glance's words that are not qemu's. */
const QEMU_FORMATS: Readonly<Record<string, string>> = { vhd: 'vpc' }
/** Of addresses, of which every thread takes more than it uses. */
const MEMORY_BYTES = 2 ** 31
/** Of the processor: so many seconds, and one more for so many bytes. */
const LEAST_SECONDS = 60
const BYTES_A_SECOND = 8 << 20
const MOST_SAID = 64 << 10
/** Of a line that a program prints. */
const MOST_SHOWN = 200
/** Monolithic disks: the others consist of several files. */
const VMDK_TYPES = ['streamOptimized', 'monolithicSparse']

/** What `qemu-img info` tells of an image. */
const info = z.looseObject({
  format: z.string(),
  'virtual-size': z.number(),
  encrypted: z.boolean().optional(),
  'backing-filename': z.string().optional(),
  'full-backing-filename': z.string().optional(),
  'format-specific': z
    .looseObject({
      data: z.looseObject({
        'data-file': z.string().optional(),
        'create-type': z.string().optional(),
      }),
    })
    .optional(),
})

/**
 * Converts by `qemu-img`, in a folder of its own; null where there is no such program. What lies there, or above in
 * `emptied`, is removed first.
 */
export async function openQemuImg(
  folder: string,
  emptied: string = folder,
): Promise<ImageConverter | null> {
  if (!mayRun('qemu-img') || !mayRun('prlimit')) return null
  const isThere = await run(['prlimit', '--core=0', 'qemu-img', '--version'], { cwd: '/' }).then(
    () => true,
    () => false,
  )
  if (!isThere) return null
  await rm(emptied, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return { begin: async () => beginConversion(await mkdtemp(join(folder, 'conversion-'))) }
}

async function beginConversion(folder: string): Promise<Conversion> {
  const end = () => rm(folder, { recursive: true, force: true })
  const source: FileHandle = await open(join(folder, 'source'), 'wx', 0o600)
  let size = 0

  return {
    async write(bytes) {
      try {
        await writeFully(source, bytes, size)
      } catch (error) {
        throw isOutOfSpace(error) ? noSpace(error) : error
      }
      size += bytes.length
    },

    async run(request) {
      await source.close()
      await convertFile(folder, request, size)
      const target = join(folder, 'target')
      const file = createReadStream(target, { highWaterMark: 256 << 10 })
      return { size: (await stat(target)).size, body: streamOf(file, end) }
    },

    async end() {
      await source.close().catch(() => undefined)
      await end()
    },
  }
}

/** What a file has, which is gone when its end has come. */
function streamOf(file: Readable, remove: () => Promise<void>): ReadableStream<Uint8Array> {
  const parts: AsyncIterator<Uint8Array> = file[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await parts.next()
        if (!done) return controller.enqueue(new Uint8Array(value))
        await remove()
        controller.close()
      },
      async cancel() {
        file.destroy()
        await remove()
      },
    },
    { highWaterMark: 0 },
  )
}

async function convertFile(
  folder: string,
  { from, to, most, signal }: ConversionRequest,
  size: number,
): Promise<void> {
  const options = { cwd: folder, signal }
  const format = QEMU_FORMATS[from] ?? from
  // Always with the format: what is probed may be anything that its first bytes say.
  const told = await run(
    [...limits(most, size), 'qemu-img', 'info', '-f', format, '--output=json', './source'],
    options,
  )
  const { 'virtual-size': virtualSize } = requireAlone(info.parse(JSON.parse(told)), from)
  if (virtualSize > most)
    throw refused(`its virtual size is ${virtualSize} bytes, wanted at most ${most}`)
  const { bavail, bsize } = await statfs(folder)
  if (virtualSize > bavail * bsize) {
    throw new HeliostatError(
      'too-large',
      `The image cannot be converted: ${virtualSize} bytes may be needed for that, and ${bavail * bsize} are free`,
    )
  }
  await checkWhole([...limits(most, size), 'qemu-img', 'check', '-f', format, './source'], options)
  const target = QEMU_FORMATS[to] ?? to
  await run(
    [
      ...limits(most, virtualSize),
      ...[
        'qemu-img',
        'convert',
        '-m',
        '2',
        '-W',
        '-f',
        format,
        '-O',
        target,
        './source',
        './target',
      ],
    ],
    options,
  )
}

/** The exit codes of a check: whole, with clusters that nothing uses, of a format that has no check. */
const WHOLE = [0, 3, 63]

/** Else an image that was cut short would become one with zeros in place of what it lacks. */
async function checkWhole(command: string[], options: RunOptions): Promise<void> {
  await run(command, { ...options, good: WHOLE })
}

/** Refuses what would have qemu read another file than this one. */
function requireAlone(found: z.output<typeof info>, declared: string): z.output<typeof info> {
  const { data } = found['format-specific'] ?? {}
  const backing = found['backing-filename'] ?? found['full-backing-filename']
  if (backing !== undefined) throw refused('it has a backing file')
  if (data?.['data-file'] !== undefined) throw refused('it has an external data file')
  if (found.encrypted) throw refused('it is encrypted')
  const type = data?.['create-type']
  if (declared === 'vmdk' && !VMDK_TYPES.includes(type ?? '')) {
    throw refused(
      `it is a VMDK of the type "${type ?? ''}", wanted one of: ${VMDK_TYPES.join(', ')}`,
    )
  }
  return found
}

function limits(most: number, bytes: number): string[] {
  const seconds = LEAST_SECONDS + Math.ceil(bytes / BYTES_A_SECOND)
  return ['prlimit', `--as=${MEMORY_BYTES}`, `--cpu=${seconds}`, `--fsize=${most}`, '--core=0']
}

interface RunOptions {
  cwd: string
  signal?: AbortSignal
  /** The exit codes of a success. */
  good?: readonly number[]
}

/** What a program prints. It has nothing of this process's environment, and is killed when the signal says so. */
async function run(
  [program = '', ...args]: string[],
  { cwd, signal, good = [0] }: RunOptions,
): Promise<string> {
  // With one heap for all threads they stay within the limit of addresses.
  const env = { PATH: process.env.PATH, LC_ALL: 'C', MALLOC_ARENA_MAX: '1' }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill)
  if (signal?.aborted) kill()
  try {
    const [printed, said, code] = await Promise.all([
      read(child.stdout),
      read(child.stderr),
      exitOf(child),
    ])
    signal?.throwIfAborted()
    if (code !== null && good.includes(code)) return printed
    const line = `${said}\n${printed}`.split('\n').find((each) => each.trim() !== '') ?? ''
    throw refused(`qemu-img says: ${line.slice(0, MOST_SHOWN) || `exit code ${code}`}`)
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  await once(child, 'close')
  return child.exitCode
}

async function read(stream: Readable): Promise<string> {
  let text = ''
  stream.setEncoding('utf8')
  for await (const part of stream) if (text.length < MOST_SAID) text += String(part)
  return text
}

function refused(why: string): HeliostatError {
  return new HeliostatError('unsupported-media-type', `The image cannot be converted: ${why}`)
}
