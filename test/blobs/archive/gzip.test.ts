import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { randomData } from '../../support/random-data.ts'
import { bodyOf, collect, MIB, open, refusal, sparseData, unpacked } from './archives.ts'

const CUT = '[invalid] The gzip archive ends early'
const DAMAGED =
  /^\[invalid\] The gzip archive is damaged, or followed by bytes that do not belong to it/

describe('a gzip archive', () => {
  it('comes out as it went in', async () => {
    for (const data of [randomData(3 * MIB), sparseData(), Buffer.alloc(0), Buffer.from([7])]) {
      assert.ok(data.equals(await unpacked(gzipSync(data))))
    }
  })

  it('may have several members, wherever its parts end', async () => {
    const [first, second] = [randomData(600), randomData(700)]
    const archive = Buffer.concat([gzipSync(first), gzipSync(second)])
    for (let partSize = 1; partSize < archive.length; partSize += partSize < 10 ? 1 : 131) {
      const out = await unpacked(archive, { partSize })
      assert.ok(out.equals(Buffer.concat([first, second])), `in parts of ${partSize}`)
    }
  })

  it('tells what it was', async () => {
    const { archive, body } = await open(bodyOf(gzipSync('a')).body)
    assert.equal(archive, 'gzip')
    assert.equal(String(await collect(body)), 'a')
  })

  it('stays packed within another one', async () => {
    const inner = gzipSync(sparseData())
    assert.ok(inner.equals(await unpacked(gzipSync(inner))))
  })

  it('that ends early is refused [invalid]', async () => {
    const archive = gzipSync(randomData(100_000))
    const { length } = archive
    for (const end of [14, 20, length >> 1, length - 9, length - 8, length - 1]) {
      assert.equal(await refusal(archive.subarray(0, end)), CUT, `after ${end} bytes`)
    }
    for (const more of [1, 2, 3, 12, 5000]) {
      const second = Buffer.concat([archive, archive.subarray(0, more)])
      assert.equal(await refusal(second), CUT, `after ${more} bytes of the second member`)
    }
  })

  it('with other bytes than it had is refused [invalid]', async () => {
    const archive = gzipSync(sparseData())
    for (const at of [50, 100_000, archive.length - 7, archive.length - 2]) {
      const damaged = Buffer.from(archive)
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at)
      assert.match(await refusal(damaged), DAMAGED, `at ${at}`)
    }
  })

  it('followed by other bytes is refused, also by zeros [invalid]', async () => {
    const archive = gzipSync('an image')
    for (const rest of [Buffer.from('rubbish'), Buffer.alloc(1), Buffer.alloc(MIB)]) {
      assert.match(await refusal(Buffer.concat([archive, rest])), DAMAGED)
    }
    const hidden = Buffer.concat([archive, Buffer.alloc(300_000), archive])
    assert.match(await refusal(hidden), DAMAGED)
  })

  it('is let go of when it is refused', async () => {
    const member = gzipSync(randomData(1000))
    const given = bodyOf(() => (given.read() < 5000 ? member : Buffer.from('rubbish')))
    const { body } = await open(given.body)
    await assert.rejects(collect(body), { code: 'invalid' })
    assert.match(String(given.cancelled()), /is damaged/)
  })

  it('is read no faster than what is in it', async () => {
    const member = gzipSync(randomData(MIB))
    const given = bodyOf(() => member)
    const reader = (await open(given.body)).body.getReader()
    await reader.read()
    await sleep(100)
    assert.ok(given.read() < MIB, `${given.read()} bytes were read`)
    await reader.cancel('enough')
    assert.equal(given.cancelled(), 'enough')
  })

  it('is cancelled before anything was read of it', async () => {
    const given = bodyOf(gzipSync('an image'))
    const { body } = await open(given.body)
    await body.cancel('enough')
    assert.equal(given.cancelled(), 'enough')
  })

  it('is cancelled while its source has nothing', async () => {
    const begun = gzipSync(randomData(1000)).subarray(0, 500)
    const stalled = new ReadableStream<Uint8Array>({ start: (body) => body.enqueue(begun) })
    const reader = (await open(stalled)).body.getReader()
    await reader.read()
    const reading = reader.read()
    await sleep(20)
    await reader.cancel('enough')
    assert.equal((await reading).done, true)
  })

  it('fails with what its source fails with', async () => {
    const failure = new Error('The source is gone')
    const given = bodyOf(gzipSync(randomData(MIB)).subarray(0, 500_000), { failure })
    const { body } = await open(given.body)
    await assert.rejects(collect(body), failure)
  })
})
