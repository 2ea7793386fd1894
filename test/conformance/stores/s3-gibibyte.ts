/**
 * Moves 1 GiB into an S3 bucket and out again, four chunks of 8 MiB at once, in a process of its own. The options are
 * the first argument, as JSON. Prints the rates in MiB/s, SHA-256 included, and the most memory that it had, in MiB.
 */
import { createHash, randomBytes } from 'node:crypto'
import { sha256 } from '../../../src/blobs/digest.ts'
import { createS3Store } from '../../../src/blobs/s3/store.ts'
import { createOutgoing } from '../../../src/runtime/outgoing.ts'

const send = createOutgoing({})

const CHUNK = 8 << 20
const CHUNKS = 128
const BUFFERS = Array.from({ length: 4 }, () => new Uint8Array(randomBytes(CHUNK)))

const store = createS3Store(JSON.parse(process.argv[2] ?? ''), send)

/** Does the work for each number, as many at once as there are buffers; how fast. */
async function rateOf(work: (index: number, buffer: Uint8Array) => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  let next = 0
  const workers = BUFFERS.map(async (buffer) => {
    while (next < CHUNKS) await work(next++, buffer)
  })
  await Promise.all(workers)
  const seconds = (performance.now() - startedAt) / 1000
  return Math.round((CHUNKS * CHUNK) / (1 << 20) / seconds)
}

async function main(): Promise<void> {
  const digests: string[] = []
  const writing = await rateOf(async (index, buffer) => {
    buffer[0] = index
    const digest = sha256(buffer)
    digests[index] = digest
    await store.put(digest, buffer)
  })
  const reading = await rateOf(async (index) => {
    const digest = digests[index] ?? ''
    const hash = createHash('sha256')
    for await (const part of (await store.get(digest)) ?? []) hash.update(part)
    if (hash.digest('hex') !== digest) throw new Error(`Other bytes came out: ${digest}`)
  })
  for (const digest of digests) await store.delete(digest)
  const memory = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(JSON.stringify({ writing, reading, memory }))
}

await main()
