// @ts-check
// JavaScript, since a worker thread on Node 20 cannot load TypeScript. The other side is digest-threads.ts.
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/**
 * @typedef {{ call: number, stream: number, algorithm: string, span?: [SharedArrayBuffer, number, number], finish?: boolean, drop?: boolean }} Order
 */

/** @type {Map<number, import('node:crypto').Hash>} */
const hashes = new Map()

parentPort?.on(
  'message',
  (/** @type {Order} */ { call, stream, algorithm, span, finish, drop }) => {
    const hash = hashes.get(stream) ?? createHash(algorithm)
    if (span) hash.update(new Uint8Array(...span))
    if (finish || drop) hashes.delete(stream)
    else hashes.set(stream, hash)
    parentPort?.postMessage({ call, digest: finish ? hash.digest('hex') : null })
  },
)
