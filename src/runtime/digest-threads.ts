import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Digester } from '../blobs/digest.ts'
import { createReusedMemory } from '../blobs/reused-memory.ts'

interface Reply {
  call: number
  digest: string | null
}

interface Thread {
  order(order: Order): Promise<string | null>
  terminate(): Promise<number>
}

interface Order {
  stream: number
  algorithm: string
  bytes?: Uint8Array
  finish?: boolean
  drop?: boolean
}

/**
 * A digester beside the event loop. The digests of one upload are computed in different threads over the same
 * shared memory, so that an upload is as fast as the slowest of them and nobody else's request waits.
 */
export interface ThreadedDigester extends Digester {
  /** Ends the threads. */
  close(): Promise<void>
}

/** `processes` do so side by side. */
export function createThreadedDigester(processes = 1): ThreadedDigester {
  const share = Math.ceil(availableParallelism() / processes)
  const threads = Array.from({ length: Math.max(2, share) }, startThread)
  let streams = 0

  /** A running hash, in the thread whose turn it is. */
  function startHash(algorithm: string) {
    const stream = streams++
    const thread = threads[stream % threads.length]
    const order = async (rest: Omit<Order, 'stream' | 'algorithm'>) =>
      (await thread?.order({ stream, algorithm, ...rest })) ?? ''
    return {
      update: async (bytes: Uint8Array) => void (await order({ bytes })),
      finish: () => order({ finish: true }),
      abort: () => void order({ drop: true }).catch(() => undefined),
      digest: (bytes: Uint8Array) => order({ bytes, finish: true }),
    }
  }

  return {
    start(algorithm, checksum = 'md5') {
      const strong = startHash(algorithm)
      const md5 = checksum === 'none' ? null : startHash('md5')
      const hashes = md5 ? [md5, strong] : [strong]
      return {
        async update(bytes) {
          await Promise.all(hashes.map((hash) => hash.update(bytes)))
        },
        async finish() {
          const [hashValue, sum] = await Promise.all([strong.finish(), md5?.finish() ?? null])
          return { checksum: sum, hashValue }
        },
        abort: () => hashes.forEach((hash) => hash.abort()),
      }
    },
    startSha256: () => startHash('sha256'),
    sha256: (bytes) => startHash('sha256').digest(bytes),
    memory: createReusedMemory((size) => new Uint8Array(new SharedArrayBuffer(size))),
    async close() {
      await Promise.all(threads.map((thread) => thread.terminate()))
    },
  }
}

function startThread(): Thread {
  const worker = new Worker(new URL('./digest-thread.js', import.meta.url), { execArgv: [] })
  // An idle thread does not keep the process from ending.
  worker.unref()
  const waiting = new Map<
    number,
    { resolve(digest: string | null): void; reject(error: Error): void }
  >()
  let calls = 0
  let ended: Error | null = null

  function end(reason: Error): void {
    ended ??= reason
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }

  worker.on('message', ({ call, digest }: Reply) => {
    waiting.get(call)?.resolve(digest)
    waiting.delete(call)
  })
  worker.on('error', end)
  worker.on('exit', () => end(new Error('The digest thread has ended')))

  return {
    order: (order) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended)
        const call = calls++
        waiting.set(call, { resolve, reject })
        const { bytes, ...rest } = order
        // The buffer instead of its view: Deno looks at every byte of a view, a second for 8 MiB.
        const span = bytes && [bytes.buffer, bytes.byteOffset, bytes.byteLength]
        worker.postMessage({ call, ...rest, span })
      }),
    terminate: () => worker.terminate(),
  }
}
