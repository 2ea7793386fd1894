import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { RunningProcess } from './process.ts'

/** What an attack may cost a service, however slow the machine of the test is. */
const MOST_MEMORY = 600e6
const SLOWEST_MS = 1_000
const PAUSE_MS = 100

/** Looks after a server from now on: how soon it says that it is well. */
export function watchLimits({ url, pid }: Pick<RunningProcess, 'url' | 'pid'>) {
  let slowest = 0
  let watching = true

  async function watch(): Promise<void> {
    while (watching) {
      const startedAt = performance.now()
      const response = await fetch(`${url}/healthcheck`)
      await response.text()
      assert.equal(response.status, 200)
      slowest = Math.max(slowest, performance.now() - startedAt)
      await setTimeout(PAUSE_MS)
    }
  }
  const watched = watch()

  return {
    /** Fails where the server took too much memory, at any time since its start, or did not answer soon enough. */
    async hold(): Promise<void> {
      watching = false
      await watched
      const bytes = await peakMemory(pid)
      assert.ok(bytes < MOST_MEMORY, `The server took ${bytes} bytes of memory`)
      assert.ok(slowest < SLOWEST_MS, `/healthcheck took ${Math.round(slowest)} ms`)
    },
  }
}

/** The most memory that a process has had: bytes. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
