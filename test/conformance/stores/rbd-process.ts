/** A process that has a store of images: `write CONF URL` or `renew CONF URL` until it is killed, or
 * `round-trip CONF MEBIBYTES`. */
import { createHash, randomBytes, randomFillSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createRbdStore } from '../../../src/blobs/rbd/store.ts'

const CHUNK = 8 << 20
const AT_ONCE = 4

const [what = '', conf = '', argument = ''] = process.argv.slice(2)
const store = createRbdStore({
  rbd_store_pool: 'images',
  rbd_store_user: 'glance',
  rbd_store_ceph_conf: conf,
  rbd_store_chunk_size: 8,
  rados_connect_timeout: null,
})

async function write(url: string): Promise<void> {
  const writer = await store.writing?.create(url, null)
  for (let offset = 0; ; offset = (offset + CHUNK) % (8 * CHUNK)) {
    await writer?.write(offset, randomBytes(CHUNK))
    console.log('written')
  }
}

/** Writes an image and deletes it, again and again. */
async function renew(url: string): Promise<void> {
  for (;;) {
    const writer = await store.writing?.create(url, null)
    await writer?.write(0, randomBytes(1000))
    await writer?.finish(1000)
    console.log('written')
    await store.delete?.(url)
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function roundTrip(chunks: number): Promise<void> {
  const { urlOf, create } = store.writing ?? {}
  const url = (await urlOf?.(randomUUID())) ?? ''
  const digests: string[] = []
  const began = performance.now()
  const writer = await create?.(url, null)
  await inTurn(chunks, async (number, buffer) => {
    new DataView(buffer.buffer).setUint32(0, number)
    digests[number] = sha256(buffer)
    await writer?.write(number * CHUNK, buffer)
  })
  await writer?.finish(chunks * CHUNK)
  const written = performance.now()
  await inTurn(chunks, async (number) => {
    const hash = createHash('sha256')
    const stream = await store.get(url, { offset: number * CHUNK, length: CHUNK })
    for await (const part of stream ?? []) hash.update(part)
    if (hash.digest('hex') !== digests[number]) throw new Error(`Chunk ${number} is another`)
  })
  const read = performance.now()
  await store.delete?.(url)
  const [, peak] = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  const rate = (ms: number) => Math.round((chunks * CHUNK) / 1000 / ms)
  const result = { written: rate(written - began), read: rate(read - written), peak: Number(peak) }
  console.log(JSON.stringify(result))
}

/** Each worker has a buffer of its own, of bytes that compress badly. */
async function inTurn(
  count: number,
  work: (number: number, buffer: Uint8Array<ArrayBuffer>) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    const buffer = new Uint8Array(CHUNK)
    randomFillSync(buffer)
    while (next < count) await work(next++, buffer)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

if (what === 'write') await write(argument)
if (what === 'renew') await renew(argument)
if (what === 'round-trip') await roundTrip((Number(argument) * 2 ** 20) / CHUNK)
await store.close()
