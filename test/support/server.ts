import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { LAUNCHER, serveArguments } from './launcher.ts'
import { type RunningProcess, startServer } from './process.ts'

/** A server process on Node, on a free port unless one is named, with options as environment variables. */
export function startOnNode(
  dataDir: string,
  env: Record<string, string> = {},
  port = 0,
): Promise<RunningProcess> {
  const args = [LAUNCHER, ...serveArguments(dataDir, port)]
  return startServer(process.execPath, args, env)
}

/** Runs a command of `heliostat` to its end. */
export async function runHeliostat(args: string[]) {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text))
  await once(child, 'close')
  return { code: child.exitCode, ...printed }
}

/** Asks again and again until there is something other than null. */
export async function eventually<T>(
  what: string,
  within: number,
  ask: () => T | null | Promise<T | null>,
): Promise<T> {
  const limit = Date.now() + within
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    assert.ok(Date.now() < limit, `Not within ${within} ms: ${what}`)
    await setTimeout(50)
  }
}
