import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReusedMemory } from '../../src/blobs/reused-memory.ts'

/** Memory of which it is told what was made. */
function watched() {
  const made: number[] = []
  const memory = createReusedMemory((size) => {
    made.push(size)
    return new Uint8Array(size)
  })
  return { memory, made }
}

describe('reused memory', () => {
  it('is made only where none is idle', async () => {
    const { memory, made } = watched()
    await memory.lend(8, async (first) => memory.lend(8, async () => first.fill(1)))
    const again = memory.take(8)
    memory.take(8)
    assert.deepEqual([made, again.length], [[8, 8], 8])
  })

  it('is of the size asked for, in the smallest that is large enough', () => {
    const { memory, made } = watched()
    const [large, small] = [memory.take(8), memory.take(4)]
    memory.giveBack(large)
    memory.giveBack(small)
    const taken = [memory.take(3), memory.take(5)]
    assert.deepEqual(
      taken.map(({ length, buffer }) => [length, buffer]),
      [
        [3, small.buffer],
        [5, large.buffer],
      ],
    )
    assert.deepEqual(made, [8, 4])
  })

  it('tells who still reads it that it is taken again, or let go of for a larger one', () => {
    const { memory } = watched()
    const told: string[] = []
    const [first, second] = [memory.take(8), memory.take(8)]
    memory.giveBack(first, () => told.push('first'))
    memory.giveBack(second, () => told.push('second'))
    memory.take(8)
    assert.deepEqual(told, ['first'])
    memory.take(16)
    assert.deepEqual(told, ['first', 'second'])
  })

  it('is never more than was in use at once, however the sizes change', () => {
    const { memory, made } = watched()
    for (let size = 1; size <= 100; size++) memory.giveBack(memory.take(size))
    assert.equal(made.length, 100)
    memory.take(100)
    memory.take(1)
    assert.deepEqual(made.slice(100), [1])
  })

  it('comes back from a use that fails', async () => {
    const { memory, made } = watched()
    await assert.rejects(
      memory.lend(8, () => Promise.reject(new Error('broken'))),
      /broken/,
    )
    memory.take(8)
    assert.deepEqual(made, [8])
  })
})
