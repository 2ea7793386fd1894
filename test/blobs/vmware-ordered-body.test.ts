import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createOrderedBody } from '../../src/blobs/vmware/ordered-body.ts'
import { read } from '../support/chunks.ts'

const MIB = 1 << 20
const MINUTE = 60_000
const noStall = () => assert.fail('The body has stalled')
const part = (size: number, fill: number) => new Uint8Array(size).fill(fill)

describe('a body out of parts in any order', () => {
  it('has each where it belongs, and zeros between and behind', async () => {
    const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()), {
      maxLength: 6,
    })
    const property = fc.asyncProperty(pieces, fc.integer(), async (lengths, seed) => {
      const parts: { offset: number; bytes: Uint8Array }[] = []
      let size = 0
      for (const [length, isWritten] of lengths) {
        if (isWritten) parts.push({ offset: size, bytes: part(length * 1000, parts.length + 1) })
        size += length * 1000
      }
      const wanted = new Uint8Array(size)
      for (const { offset, bytes } of parts) wanted.set(bytes, offset)
      const body = createOrderedBody(MINUTE, noStall)
      const got = read(body.stream)
      const order = parts.toSorted((a, b) => ((a.offset * seed) % 7) - ((b.offset * seed) % 7))
      await Promise.all(order.map(({ offset, bytes }) => body.write(offset, bytes)))
      body.end(size)
      assert.ok(Buffer.compare(await got, wanted) === 0)
      body.answered()
    })
    await fc.assert(property, { numRuns: 200 })
  })

  it('is sent by a writer who keeps his bytes no longer than the write', async () => {
    const body = createOrderedBody(MINUTE, noStall)
    const got = read(body.stream)
    const bytes = part(3 * MIB, 7)
    await body.write(0, bytes)
    bytes.fill(0)
    body.end(3 * MIB)
    assert.ok((await got).every((byte) => byte === 7))
    body.answered()
  })

  it('takes what is missing for zeros once too much waits behind it, and refuses it then', async () => {
    const body = createOrderedBody(MINUTE, noStall)
    const reader = body.stream.getReader()
    const first = reader.read()
    for (let i = 1; i <= 8; i++) await body.write(i * 8 * MIB, part(8 * MIB, i))
    // There is room for these; a hole may still be filled.
    await body.write(0, part(1, 9))
    assert.deepEqual((await first).value, part(1, 9))
    const more = body.write(9 * 8 * MIB, part(8 * MIB, 9))
    assert.deepEqual((await reader.read()).value, new Uint8Array(MIB))
    await assert.rejects(() => body.write(1, part(1, 1)), /so late that it has been sent as zeros/)
    body.fail(new Error('enough'))
    await assert.rejects(more, /enough/)
  })

  it('says so when nothing is taken of it', async () => {
    const body = createOrderedBody(20, () => body.fail(new Error('stalled')))
    await assert.rejects(() => body.write(0, part(10, 1)), /stalled/)
  })

  it('waits for its writer as long as he likes, and for no answer that has come', async () => {
    let stalls = 0
    const body = createOrderedBody(10, () => stalls++)
    const reader = body.stream.getReader()
    const pending = reader.read()
    await body.write(5, part(5, 1))
    await new Promise((resolve) => setTimeout(resolve, 50))
    body.answered()
    body.end(10)
    await pending
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(stalls, 0)
  })

  it('fails for its writer and its reader', async () => {
    const body = createOrderedBody(MINUTE, noStall)
    const got = read(body.stream)
    body.fail(new Error('no answer'))
    await assert.rejects(got, /no answer/)
    await assert.rejects(() => body.write(0, part(1, 1)), /no answer/)
  })
})
