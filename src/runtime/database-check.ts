import { Worker } from 'node:worker_threads'
import { getLogger } from '@logtape/logtape'
import { isDamage } from '../registry/damage.ts'

/** How long after one check the next begins. */
const PAUSE_MS = 6 * 60 * 60_000

const log = getLogger(['heliostat', 'registry'])

/** Checks a database file now and then, in a thread of its own. Returns the function that ends it. */
export function watchDatabase(path: string, found: (what: string) => Promise<void>): () => void {
  let thread: Worker | null = null

  function check(): void {
    thread = startCheck(path, {
      answered: (answer) => {
        if (answer !== 'ok') void found(answer)
      },
      failed: (error) => {
        if (isDamage(error)) void found(error.message)
        else log.warn('Cannot check the database: {reason}', { reason: error.message })
      },
    })
  }

  const timer = setInterval(check, PAUSE_MS)
  timer.unref()
  check()
  return () => {
    clearInterval(timer)
    void thread?.terminate()
  }
}

interface Ends {
  /** `ok`, or what is wrong. */
  answered(answer: string): void
  failed(error: Error): void
}

function startCheck(path: string, { answered, failed }: Ends): Worker {
  const url = new URL('./database-check-thread.js', import.meta.url)
  const thread = new Worker(url, { execArgv: [], workerData: path })
  // It does not keep the process from ending.
  thread.unref()
  return thread.once('message', answered).once('error', failed)
}
