import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface RunningProcess {
  url: string
  pid: number
  /** What it has logged until now. */
  log(): string
  /** The exit code, once it has ended. */
  ended: Promise<number | null>
  /** Stops reading what it logs, and goes on. */
  pauseLog(): void
  resumeLog(): void
  /** Closes the pipes that it prints and logs to. */
  closePipes(): void
  /** Sends SIGKILL and resolves when the process is gone. */
  kill(): Promise<void>
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>
}

/** With so many workers on Node the same tests hold; each sees its server as one process. */
const WORKERS = Number(process.env['TEST_WORKERS'] ?? 1)

const GREETING = /serves the Image API on (http:\/\/\S+)/

// The runner ends a file that hangs by SIGTERM, which would skip the listeners of 'exit'.
process.once('SIGTERM', () => process.exit(1))

/** Starts a server and waits for the line in which it says where it serves. */
export async function startServer(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<RunningProcess> {
  const child = spawn(command, args, {
    env: { ...(WORKERS > 1 && { HELIOSTAT_WORKERS: `${WORKERS}` }), ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of their own, to be killed as one.
    detached: WORKERS > 1,
  })
  const ended = once(child, 'exit').then(([code]): number | null => code)
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-1_000_000)
  })
  const lines = createInterface(child.stdout)
  // Without this a server that outlives a failed test would keep the test from ending.
  const kill = () => (WORKERS > 1 ? killGroup(child.pid) : child.kill('SIGKILL'))
  process.once('exit', kill)

  for await (const line of lines) {
    const [, url] = GREETING.exec(line) ?? []
    if (url === undefined) continue
    child.stdout.resume()
    return {
      url,
      pid: child.pid ?? 0,
      log: () => log,
      ended,
      pauseLog: () => child.stderr.pause(),
      resumeLog: () => child.stderr.resume(),
      closePipes() {
        child.stdout.destroy()
        child.stderr.destroy()
      },
      async kill() {
        kill()
        await ended
        process.off('exit', kill)
      },
      async stop() {
        child.kill('SIGTERM')
        const code = await ended
        process.off('exit', kill)
        return code
      },
    }
  }
  throw new Error(`${command} ended before it served: ${log}`)
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // All of them have ended.
  }
}
