import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLru } from '../src/lru.ts'

describe('a full LRU', () => {
  it('forgets what was asked for least recently', () => {
    const lru = createLru<number>(2)
    lru.set('a', 1)
    lru.set('b', 2)
    assert.equal(lru.get('a'), 1)
    lru.set('c', 3)
    assert.deepEqual([lru.get('a'), lru.get('b'), lru.get('c')], [1, undefined, 3])
  })

  it('makes no room for what it has already', () => {
    const lru = createLru<number>(2)
    lru.set('a', 1)
    lru.set('b', 2)
    lru.set('b', 3)
    assert.deepEqual([lru.get('a'), lru.get('b')], [1, 3])
    lru.delete('a')
    lru.set('c', 4)
    assert.deepEqual([lru.get('b'), lru.get('c')], [3, 4])
  })
})
