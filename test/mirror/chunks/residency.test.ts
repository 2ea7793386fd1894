import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createResidency } from '../../../src/mirror/chunks/residency.ts'

function residencyOf(limit: number, pinned: string[] = []) {
  const removed: string[] = []
  const residency = createResidency({
    limit,
    isPinned: (digest) => pinned.includes(digest),
    remove: async (digest) => void removed.push(digest),
  })
  return { residency, removed }
}

describe('the residency of chunks', () => {
  it('lets the least recently used go first', async () => {
    const { residency, removed } = residencyOf(30)
    for (const digest of ['a', 'b', 'c']) residency.add(digest, 10)
    residency.use('a')()
    assert.equal(await residency.reserve(15), true)
    assert.deepEqual(removed, ['b', 'c'])
    const { chunks, used, reserved, evictions } = residency.status()
    assert.deepEqual(
      { chunks, used, reserved, evictions },
      { chunks: 1, used: 10, reserved: 15, evictions: 2 },
    )
  })

  it('keeps what is in use, by however many', async () => {
    const { residency, removed } = residencyOf(10)
    residency.add('a', 10)
    const [first, second] = [residency.use('a'), residency.use('a')]
    assert.equal(await residency.reserve(1), false)
    first()
    assert.equal(await residency.reserve(1), false)
    second()
    assert.equal(await residency.reserve(1), true)
    assert.deepEqual(removed, ['a'])
  })

  it('keeps what is pinned', async () => {
    const { residency, removed } = residencyOf(20, ['a'])
    residency.add('a', 10)
    residency.add('b', 10)
    assert.equal(await residency.reserve(10), true)
    assert.equal(await residency.reserve(1), false)
    assert.deepEqual(removed, ['b'])
  })

  it('counts what is on its way as if it were here', async () => {
    const { residency } = residencyOf(20)
    assert.equal(await residency.reserve(15), true)
    assert.equal(await residency.reserve(10), false)
    residency.settle(15)
    residency.add('a', 15)
    assert.equal(residency.status().reserved, 0)
    assert.equal(await residency.reserve(5), true)
  })

  it('never gives the same room to two', async () => {
    const { residency } = residencyOf(10)
    const reserved = await Promise.all([residency.reserve(8), residency.reserve(8)])
    assert.deepEqual(reserved.toSorted(), [false, true])
  })

  it('has no room where nothing can be removed, and goes on counting what is there', async () => {
    let readOnly = true
    const residency = createResidency({
      limit: 10,
      isPinned: () => false,
      remove: () => (readOnly ? Promise.reject(new Error('EROFS')) : Promise.resolve()),
    })
    residency.add('a', 10)
    assert.equal(await residency.reserve(5), false)
    assert.deepEqual(await residency.prune(), { chunks: 0, bytes: 0 })
    await assert.rejects(residency.remove('a'), /EROFS/)
    const { used, reserved, evictions } = residency.status()
    assert.deepEqual({ used, reserved, evictions }, { used: 10, reserved: 0, evictions: 0 })
    readOnly = false
    assert.equal(await residency.reserve(5), true)
    assert.equal(residency.has('a'), false)
  })

  it('refuses what is larger than everything together', async () => {
    const { residency } = residencyOf(10)
    assert.equal(await residency.reserve(11), false)
    assert.equal(residency.status().reserved, 0)
  })

  it('counts a chunk once, however often it is added', () => {
    const { residency } = residencyOf(10)
    residency.add('a', 4)
    residency.add('a', 4)
    assert.equal(residency.status().used, 4)
    residency.forget('a')
    residency.forget('a')
    assert.deepEqual([residency.status().used, residency.has('a')], [0, false])
  })
})
