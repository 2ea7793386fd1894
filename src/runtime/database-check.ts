import { Worker } from 'node:worker_threads'
import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'
import { isDamage } from '../registry/damage.ts'

/** How long after one check the next begins. */
const PAUSE_MS = 6 * 60 * 60_000

const log = getLogger(['heliostat', 'registry'])

/**
 * Checks a database file now and then, in a thread of its own. Returns the function that ends it, which waits for a
 * check under way: the native engine does not survive that its thread is cut off.
 */
export function watchDatabase(
  path: string,
  found: (what: string) => Promise<void>,
): () => Promise<void> {
  let thread: Worker | null = null
  let running: Promise<void> = Promise.resolve()

  function check(): void {
    const started = startCheck(path, {
      answered: (answer) => {
        if (answer !== 'ok') void found(answer)
      },
      failed: (error) => {
        if (isDamage(error)) void found(error.message)
        else log.warn('Cannot check the database: {reason}', { reason: reasonOf(error) })
      },
    })
    thread = started
    running = new Promise((resolve) => started.once('exit', () => resolve()))
  }

  const timer = setInterval(check, PAUSE_MS)
  timer.unref()
  check()
  return () => {
    clearInterval(timer)
    thread?.ref()
    return running
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
