import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { createStoreOrder, type StoreOrder } from '../../src/stores/order.ts'

const COPIES = [{ store: 'slow' }, { store: 'fast' }, { store: 'elsewhere' }]

let now: number
let order: StoreOrder

beforeEach(() => {
  now = 1_000
  mock.method(performance, 'now', () => now)
  order = createStoreOrder([
    { id: 'slow', weight: 0 },
    { id: 'fast', weight: 1 },
  ])
})
afterEach(() => mock.restoreAll())

const sorted = (prefer?: string[]) => order.sort(COPIES, prefer).map(({ store }) => store)
const failAt = (time: number) => {
  now = time
  order.failed('fast', new Error('silent'))
}

describe('the order of stores', () => {
  it('is by weight, after those that are preferred, without those that are not known', () => {
    assert.deepEqual(sorted(), ['fast', 'slow'])
    assert.deepEqual(sorted(['slow']), ['slow', 'fast'])
  })

  it('has one that failed at its end, also where it is preferred, until one reader tries it', () => {
    failAt(1_000)
    assert.deepEqual(sorted(['fast']), ['slow', 'fast'])
    now = 31_001
    // To look is not to try.
    assert.deepEqual([sorted(), sorted()].flat(), ['fast', 'slow', 'fast', 'slow'])
    order.trying('fast')
    assert.deepEqual(sorted(), ['slow', 'fast'])
    order.succeeded('fast')
    assert.deepEqual(sorted(), ['fast', 'slow'])
  })

  it('has it there for twice as long when it fails again, up to five minutes', () => {
    let time = 1_000
    failAt(time)
    for (const pause of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      now = time + pause - 1
      assert.deepEqual(sorted(), ['slow', 'fast'])
      now = time + pause + 1
      assert.deepEqual(sorted(), ['fast', 'slow'])
      time = now
      failAt(time)
    }
  })

  it('takes what fails at the same time for one failure', () => {
    for (let failure = 0; failure < 10; failure++) failAt(1_000 + failure)
    now = 31_010
    assert.deepEqual(sorted(), ['fast', 'slow'])
  })
})
