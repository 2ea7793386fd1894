import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createEdgeAccount } from '../../../src/mirror/chunks/account.ts'
import { createResidency } from '../../../src/mirror/chunks/residency.ts'

function residencyOf(limit: number, pinned: string[] = []) {
  const removed: string[] = []
  const account = createEdgeAccount()
  const residency = createResidency({
    account,
    limit,
    isPinned: (digest) => pinned.includes(digest),
    remove: async (digest) => void removed.push(digest),
  })
  return { account, residency, removed }
}

describe('the residency of chunks', () => {
  it('lets the least recently used go first', async () => {
    const { account, residency, removed } = residencyOf(30)
    for (const digest of ['a', 'b', 'c']) account.add(digest, 10)
    account.use('a')()
    assert.equal(await residency.reserve(15), true)
    assert.deepEqual(removed, ['b', 'c'])
    const { chunks, used, reserved, evictions } = residency.status()
    assert.deepEqual(
      { chunks, used, reserved, evictions },
      { chunks: 1, used: 10, reserved: 15, evictions: 2 },
    )
  })

  it('keeps what is in use, by however many', async () => {
    const { account, residency, removed } = residencyOf(10)
    account.add('a', 10)
    const [first, second] = [account.use('a'), account.use('a')]
    assert.equal(await residency.reserve(1), false)
    first()
    assert.equal(await residency.reserve(1), false)
    second()
    assert.equal(await residency.reserve(1), true)
    assert.deepEqual(removed, ['a'])
  })

  it('keeps what is pinned', async () => {
    const { account, residency, removed } = residencyOf(20, ['a'])
    account.add('a', 10)
    account.add('b', 10)
    assert.equal(await residency.reserve(10), true)
    assert.equal(await residency.reserve(1), false)
    assert.deepEqual(removed, ['b'])
  })

  it('counts what is on its way as if it were here', async () => {
    const { account, residency } = residencyOf(20)
    assert.equal(await residency.reserve(15), true)
    assert.equal(await residency.reserve(10), false)
    residency.settle(15)
    account.add('a', 15)
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
    const account = createEdgeAccount()
    const residency = createResidency({
      account,
      limit: 10,
      isPinned: () => false,
      remove: () => (readOnly ? Promise.reject(new Error('EROFS')) : Promise.resolve()),
    })
    account.add('a', 10)
    assert.equal(await residency.reserve(5), false)
    assert.deepEqual(await residency.prune(), { chunks: 0, bytes: 0 })
    await assert.rejects(residency.remove('a'), /EROFS/)
    const { used, reserved, evictions } = residency.status()
    assert.deepEqual({ used, reserved, evictions }, { used: 10, reserved: 0, evictions: 0 })
    readOnly = false
    assert.equal(await residency.reserve(5), true)
    assert.equal(account.has('a'), false)
  })

  it('refuses what is larger than everything together', async () => {
    const { residency } = residencyOf(10)
    assert.equal(await residency.reserve(11), false)
    assert.equal(residency.status().reserved, 0)
  })

  it('counts a chunk once, however often it is added', () => {
    const { account, residency } = residencyOf(10)
    account.add('a', 4)
    account.add('a', 4)
    assert.equal(residency.status().used, 4)
    account.forget('a')
    account.forget('a')
    assert.deepEqual([residency.status().used, account.has('a')], [0, false])
  })
})
