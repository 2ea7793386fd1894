/** Where a workload runs: a folder that goes with it, the processes in it, and how it is to be measured. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { clearTimeout, setTimeout as startTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'

const START_MS = 60_000
const STOP_MS = 10_000
const COMMAND_MS = 1_200_000
/** Short, since starts are measured too. */
const PAUSE_MS = 5
const WORDS = 600

export interface LabOptions {
  /** How long a run takes that has no end by itself. */
  seconds: number
  /** How many processes each Heliostat is; null for as many as it is by itself. */
  workers: number | null
  tell: (line: string) => void
}

/** A process that serves. */
export interface Server {
  url: string
  /** What it prints and logs goes there. */
  log: string
  pids: () => number[]
  stop: () => Promise<void>
}

/** A server with a folder of its own for what it has been given, or has fetched. */
export interface Keeper extends Server {
  dataDir: string
}

export interface ServerOptions {
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** It serves once this answers. */
  url: string
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  /** Is told each line as soon as it is printed. */
  onLine?: (line: string) => void
  /** Milliseconds that it has; a program that hangs must not keep the others waiting. */
  limit?: number
}

export interface Lab extends LabOptions {
  folder: string
  /** A new folder in that folder. */
  subfolder: (name: string) => Promise<string>
  /** Runs a program to its end and returns what it prints; throws where it fails. */
  command: (command: string, args: string[], options?: CommandOptions) => Promise<string>
  start: (options: ServerOptions) => Promise<Server>
  /** Ends every process and removes the folder. */
  close: () => Promise<void>
}

export async function openLab({ seconds, workers, tell }: LabOptions): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'heliostat-bench-'))
  const children = new Set<ChildProcess>()
  let folders = 0

  // Also for somebody who does not want to wait any longer.
  const endAll = () => {
    children.forEach((child) => signal(child, 'SIGKILL'))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', endAll)

  function adopt(child: ChildProcess): void {
    children.add(child)
    child.once('exit', () => children.delete(child))
  }

  return {
    seconds,
    workers,
    tell,
    folder,

    async subfolder(name) {
      const path = join(folder, `${name}-${++folders}`)
      await mkdir(path)
      return path
    },

    async command(command, args, { env = process.env, onLine, limit = COMMAND_MS } = {}) {
      const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
      adopt(child)
      if (onLine) createInterface(child.stdout).on('line', onLine)
      const timer = startTimer(() => signal(child, 'SIGKILL'), limit)
      const [stdout, stderr] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        exitOf(child),
      ]).finally(() => clearTimeout(timer))
      if (child.exitCode === 0) return stdout
      const words = (stderr.trim() || stdout.trim()).slice(-WORDS)
      throw new Error(`${command} failed (${child.signalCode ?? child.exitCode}): ${words}`)
    },

    async start({ name, command, args, env = process.env, url }) {
      const log = join(folder, `${name}-${++folders}.log`)
      const output = openSync(log, 'a')
      const child = spawn(command, args, {
        env,
        // A group of its own, so that nothing of it stays behind.
        detached: true,
        stdio: ['ignore', output, output],
      })
      closeSync(output)
      adopt(child)
      const failed = exitOf(child).then(() => {
        throw new Error(`${name} ended: ${readFileSync(log, 'utf8').slice(-WORDS)}`)
      })
      // It also ends when it is told to.
      failed.catch(() => undefined)
      await Promise.race([failed, untilAnswered(name, url)])
      const pids = () => (child.pid === undefined ? [] : [child.pid])
      return { url, log, pids, stop: () => stop(child) }
    },

    async close() {
      await Promise.all([...children].map(stop))
      process.off('exit', endAll)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when it has ended; throws where it could not be started. */
async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function untilAnswered(name: string, url: string): Promise<void> {
  const limit = Date.now() + START_MS
  while (Date.now() < limit) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch {
      await setTimeout(PAUSE_MS)
    }
  }
  throw new Error(`${name} has not answered within ${START_MS / 1000} s`)
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = exitOf(child)
  child.kill('SIGTERM')
  const waiting = new AbortController()
  const timer = setTimeout(STOP_MS, undefined, { signal: waiting.signal }).then(
    () => undefined,
    () => undefined,
  )
  await Promise.race([ended, timer])
  waiting.abort()
  signal(child, 'SIGKILL')
  await ended
}

/** To the child and to all that it has started. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // They have ended.
  }
}
