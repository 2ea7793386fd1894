/** Archives of every kind, and what comes out of them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Decompressors, unpack, type Unpacked } from '../../../src/blobs/archive/unpack.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { NO_TOOLS } from './no-tools.ts'
import { randomData } from '../../support/random-data.ts'

export const MIB = 1024 * 1024

/** Data with a hole, as in a disk, which no tool can pack to a hundredth. */
export function sparseData(): Buffer {
  return Buffer.concat([randomData(100_000), Buffer.alloc(MIB), randomData(70_001)])
}

/** Without it tests of a tool are skipped, and say so. */
export function missing(tool: string): string | false {
  const { error } = spawnSync(tool, ['--help'])
  return error ? `${tool} is not installed` : false
}

export type ToolFormat = keyof Decompressors

export const TOOL_OF: Record<ToolFormat, string> = {
  xz: 'xz',
  lzma: 'xz',
  zstd: 'zstd',
  bzip2: 'bzip2',
}

const PACKING: Record<ToolFormat, [string, ...string[]]> = {
  xz: ['xz', '-1c'],
  lzma: ['xz', '-1c', '--format=lzma'],
  zstd: ['zstd', '-qc'],
  bzip2: ['bzip2', '-c'],
}

export function packWith(format: ToolFormat, data: Uint8Array, ...more: string[]): Buffer {
  const [tool, ...args] = PACKING[format]
  const { status, stdout, stderr } = spawnSync(tool, [...args, ...more], {
    input: data,
    maxBuffer: 64 * MIB,
  })
  assert.equal(status, 0, String(stderr))
  return stdout
}

export interface WatchedBody {
  body: ReadableStream<Uint8Array>
  /** Bytes that were read of it. */
  read(): number
  /** What it was cancelled with; undefined when it was not. */
  cancelled(): unknown
}

interface BodyOptions {
  /** Bytes of each part. */
  partSize?: number
  /** What it breaks off with behind the bytes. */
  failure?: Error
}

/** A body whose parts lie in the same memory, one after the other: they are valid until the next one is asked for. */
export function bodyOf(
  bytes: Uint8Array | (() => Uint8Array),
  { partSize = 64 * 1024, failure }: BodyOptions = {},
): WatchedBody {
  let whole: Uint8Array = typeof bytes === 'function' ? new Uint8Array() : bytes
  const memory = new Uint8Array(partSize)
  let at = 0
  let read = 0
  let cancelled: unknown
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at === whole.length && typeof bytes === 'function') [whole, at] = [bytes(), 0]
        const part = whole.subarray(at, at + partSize)
        at += part.length
        read += part.length
        memory.set(part)
        if (part.length > 0) controller.enqueue(memory.subarray(0, part.length))
        else if (failure) controller.error(failure)
        else controller.close()
      },
      cancel(reason) {
        cancelled = reason
      },
    },
    { highWaterMark: 0 },
  )
  return { body, read: () => read, cancelled: () => cancelled }
}

interface Limits {
  decompressors?: Decompressors
  maxBytes?: number
  maxRatio?: number
}

export function open(body: ReadableStream<Uint8Array>, limits: Limits = {}): Promise<Unpacked> {
  return unpack(body, {
    decompressors: NO_TOOLS,
    maxBytes: 1024 * MIB,
    maxRatio: 1100,
    ...limits,
  })
}

export async function collect(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part.slice())
  return Buffer.concat(parts)
}

export async function unpacked(
  bytes: Uint8Array,
  { partSize, ...limits }: Limits & BodyOptions = {},
): Promise<Buffer> {
  const { body } = await open(bodyOf(bytes, partSize ? { partSize } : {}).body, limits)
  return collect(body)
}

/** The code and the sentence with which bytes are refused, and that what they came from is let go of. */
export async function refusal(
  bytes: Uint8Array | (() => Uint8Array),
  limits: Limits = {},
): Promise<string> {
  const given = bodyOf(bytes)
  try {
    const { body } = await open(given.body, limits)
    for await (const part of body) assert.ok(part.length > 0)
  } catch (error) {
    if (!(error instanceof HeliostatError)) throw error
    return `[${error.code}] ${error.message}`
  }
  return assert.fail('It is unpacked')
}

/** Processes that this one has started and that are not gone. */
export function children(): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      // Behind the name in parentheses, which may have blanks: state and parent.
      const [state, parent] =
        readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
      return state !== 'Z' && Number(parent) === process.pid
    } catch {
      return false
    }
  })
}

export async function childrenGone(before: readonly string[]): Promise<void> {
  const known = new Set(before)
  for (let wait = 0; wait < 200; wait++) {
    if (children().every((child) => known.has(child))) return
    await sleep(10)
  }
  assert.fail('A process is left')
}
