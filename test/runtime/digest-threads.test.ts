import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { HashAlgorithm } from '../../src/blobs/digest.ts'
import { createThreadedDigester } from '../../src/runtime/digest-threads.ts'
import { randomChunk } from '../support/chunks.ts'

type ThreadedDigester = ReturnType<typeof createThreadedDigester>

let digester: ThreadedDigester
let keepAlive: NodeJS.Timeout

before(() => {
  digester = createThreadedDigester()
  // As the server of a site does: the threads alone do not keep the process.
  keepAlive = setInterval(() => undefined, 1000)
})
after(async () => {
  clearInterval(keepAlive)
  await digester.close()
})

const hex = (algorithm: string, ...parts: Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash(algorithm)).digest('hex')

/** Takes the parts one after the other, through one buffer of the digester, as an upload does. */
async function digestsOf(algorithm: HashAlgorithm, parts: Uint8Array[]) {
  const stream = digester.start(algorithm)
  const buffer = digester.memory.take(Math.max(1, ...parts.map((part) => part.length)))
  for (const part of parts) {
    buffer.set(part)
    await stream.update(buffer.subarray(0, part.length))
    buffer.fill(0)
  }
  return stream.finish()
}

const expected = (algorithm: HashAlgorithm, parts: Uint8Array[]) => ({
  checksum: hex('md5', ...parts),
  hashValue: hex(algorithm, ...parts),
})

const random = (size: number) => randomChunk(size).bytes

describe('digests of an upload', () => {
  it('are those of node:crypto, for every algorithm', async () => {
    const parts = [random(1000), random(1)]
    assert.deepEqual(await digestsOf('sha256', parts), expected('sha256', parts))
    assert.deepEqual(await digestsOf('sha384', parts), expected('sha384', parts))
    assert.deepEqual(await digestsOf('sha512', parts), expected('sha512', parts))
  })

  it('are those of node:crypto, for every size', async () => {
    const bodies = [0, 1, 63, 64, 65, 4096, 1 << 20, (8 << 20) + 1].map((size) => [random(size)])
    assert.deepEqual(
      await Promise.all(bodies.map((parts) => digestsOf('sha512', parts))),
      bodies.map((parts) => expected('sha512', parts)),
    )
  })

  it('are those of nothing for an empty upload', async () => {
    assert.deepEqual(await digestsOf('sha256', []), {
      checksum: 'd41d8cd98f00b204e9800998ecf8427e',
      hashValue: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
  })

  it('are not mixed up among twenty uploads at once', async () => {
    const bodies = Array.from({ length: 20 }, (_, index) =>
      Array.from({ length: 10 }, () => random(1000 * index + 1)),
    )
    assert.deepEqual(
      await Promise.all(bodies.map((parts) => digestsOf('sha512', parts))),
      bodies.map((parts) => expected('sha512', parts)),
    )
  })
})

describe('sha256', () => {
  it('is that of node:crypto, beside a running upload', async () => {
    const upload = digester.start('sha256')
    const [first, second] = [random(100_000), random(7)]
    const [, digest] = await Promise.all([upload.update(first), digester.sha256(second)])
    assert.equal(digest, hex('sha256', second))
    assert.equal((await upload.finish()).hashValue, hex('sha256', first))
  })

  it('takes a part of a buffer', async () => {
    const bytes = digester.memory.take(100)
    bytes.fill(3, 10, 20)
    assert.equal(await digester.sha256(bytes.subarray(10, 20)), hex('sha256', Buffer.alloc(10, 3)))
  })
})

describe('the memory', () => {
  it('gives memory that the threads share', () => {
    assert.ok(digester.memory.take(10).buffer instanceof SharedArrayBuffer)
  })
})

describe('abort', () => {
  it('leaves the other uploads alone', async () => {
    const [aborted, other] = [digester.start('sha512'), digester.start('sha512')]
    const bytes = random(1000)
    await Promise.all([aborted.update(bytes), other.update(bytes)])
    aborted.abort()
    await other.update(bytes)
    assert.deepEqual(await other.finish(), expected('sha512', [bytes, bytes]))
  })

  it('of an upload that is finished, or has never begun, does nothing', async () => {
    const finished = digester.start('sha256')
    await finished.finish()
    finished.abort()
    digester.start('sha256').abort()
    assert.equal(await digester.sha256(new Uint8Array()), hex('sha256'))
  })
})

describe('close', () => {
  it('fails what is under way and what comes after, instead of leaving it waiting', async () => {
    const closing = createThreadedDigester()
    const upload = closing.start('sha512')
    const bytes = closing.memory.take(32 << 20)
    const underWay = assert.rejects(upload.update(bytes), /digest thread has ended/)
    await closing.close()
    await underWay
    await assert.rejects(upload.finish(), /digest thread has ended/)
    await assert.rejects(closing.sha256(bytes), /digest thread has ended/)
    upload.abort()
  })
})
