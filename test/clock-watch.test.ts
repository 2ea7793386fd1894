import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClockWatch } from '../src/clock-watch.ts'

const DOUBT = 15_000

describe('a clock by which processes tell that they live', () => {
  let time = { wall: 0, monotonic: 0 }
  const watch = () => {
    time = { wall: 1e12, monotonic: 500 }
    return createClockWatch(
      DOUBT,
      async () => time.wall,
      () => time.monotonic,
    )
  }
  const pass = (milliseconds: number) => {
    time.wall += milliseconds
    time.monotonic += milliseconds
  }

  it('is believed while it goes as clocks do', async () => {
    const { isSteady } = watch()
    assert.equal(await isSteady(), true)
    pass(86_400_000)
    time.wall += 100
    assert.equal(await isSteady(), true)
  })

  it('is doubted for a while when it is set, forward or back', async () => {
    const { isSteady } = watch()
    await isSteady()
    for (const change of [3_600_000, -3_600_000]) {
      time.wall += change
      assert.equal(await isSteady(), false)
      pass(DOUBT - 1)
      assert.equal(await isSteady(), false)
      pass(1)
      assert.equal(await isSteady(), true)
    }
  })
})
