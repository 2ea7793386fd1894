import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBlockingCalls } from '../../../src/blobs/rbd/blocking-calls.ts'

/** A call that takes until it is ended. */
function heldCall() {
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { end: () => end(), call: () => ended }
}

describe('calls that take a thread each', () => {
  it('are two at once, the others in the order in which they came', async () => {
    const blocking = createBlockingCalls()
    const [first, second] = [heldCall(), heldCall()]
    const begun: number[] = []
    const all = [
      blocking(Infinity, first.call),
      blocking(Infinity, second.call),
      ...[1, 2, 3].map((number) => blocking(60_000, async () => begun.push(number))),
    ]
    await new Promise(setImmediate)
    assert.deepEqual(begun, [])
    second.end()
    await Promise.all(all.slice(1))
    assert.deepEqual(begun, [1, 2, 3])
    first.end()
    await Promise.all(all)
  })

  it('are given up when they have waited for too long, and are not made then', async () => {
    const blocking = createBlockingCalls()
    const held = [heldCall(), heldCall()]
    const running = held.map(({ call }) => blocking(Infinity, call))
    const made: string[] = []
    const patient = blocking(60_000, async () => made.push('patient'))
    const given = blocking(10, async () => made.push('given up'))
    await assert.rejects(given, /waited for 0.01 s/)
    held.forEach(({ end }) => end())
    await Promise.all([...running, patient])
    assert.deepEqual(made, ['patient'])
  })

  it('that fail make room for the next', async () => {
    const blocking = createBlockingCalls()
    const fail = () => Promise.reject(new Error('failed'))
    for (let i = 0; i < 5; i++) await assert.rejects(blocking(60_000, fail), /failed/)
    assert.equal(await blocking(60_000, async () => 'made'), 'made')
  })
})
