import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { RunningProcess } from './process.ts'

/** What an attack may cost a service: bytes of its process, and the time until it says that it is well. */
const MOST_MEMORY = 600e6
const SLOWEST_MS = 1_000
const PAUSE_MS = 50

type Server = Pick<RunningProcess, 'url' | 'pid'>

/**
 * Looks after a server from now on. The yardstick is one that nobody attacks: a machine that is busy with something else
 * shows there too, and is not taken for the work of the attack.
 */
export function watchLimits(server: Server, yardstick: Server) {
  const stop = new AbortController()
  const watched = [server, yardstick].map(({ url }) => slowestAnswer(url, stop.signal))

  return {
    /** Ends the watch. Fails where the server ever took too much memory, or did not answer soon enough. */
    async hold(): Promise<void> {
      stop.abort()
      const [slowest = 0, busy = 0] = await Promise.all(watched)
      const limit = Math.max(SLOWEST_MS, 3 * busy)
      assert.ok(slowest < limit, `/healthcheck took ${slowest} ms, the yardstick's ${busy} ms`)
      const bytes = await peakMemory(server)
      assert.ok(bytes < MOST_MEMORY, `The server took ${bytes} bytes of memory`)
    },
  }
}

/** Milliseconds. */
async function slowestAnswer(url: string, signal: AbortSignal): Promise<number> {
  let slowest = 0
  while (!signal.aborted) {
    const startedAt = performance.now()
    const response = await fetch(`${url}/healthcheck`)
    await response.text()
    assert.equal(response.status, 200)
    slowest = Math.max(slowest, performance.now() - startedAt)
    await setTimeout(PAUSE_MS)
  }
  return Math.round(slowest)
}

/** The most memory that a process has ever had: bytes. */
export async function peakMemory({ pid }: Pick<Server, 'pid'>): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
