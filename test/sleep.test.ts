import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { sleep } from '../src/sleep.ts'

describe('sleep', () => {
  it('leaves nothing at the signal', async () => {
    const { signal } = new AbortController()
    await sleep(1, signal)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('ends with the signal', async () => {
    const stop = new AbortController()
    const started = performance.now()
    const sleeping = sleep(60_000, stop.signal)
    stop.abort()
    await Promise.all([sleeping, sleep(60_000, stop.signal)])
    assert.ok(performance.now() - started < 5_000)
  })
})
