// @ts-check
// JavaScript, since a worker thread on Node 20 cannot load TypeScript. The other side is database-check.ts.
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'

/** @param {string} path */
function check(path) {
  const database = new Database(path, { timeout: 10_000 })
  try {
    const [first] = database.prepare('PRAGMA integrity_check(1)').raw(true).all()
    return String(first)
  } finally {
    database.close()
  }
}

parentPort?.postMessage(check(workerData))
