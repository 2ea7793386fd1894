import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isWithin, parseWindow } from '../../../src/mirror/pinning/window.ts'

const at = (hours: number, minutes: number) => new Date(2026, 0, 15, hours, minutes)

describe('a window of the day', () => {
  it('goes from its start up to its end', () => {
    const window = parseWindow('09:30-17:00')
    assert.equal(isWithin(window, at(9, 29)), false)
    assert.equal(isWithin(window, at(9, 30)), true)
    assert.equal(isWithin(window, at(16, 59)), true)
    assert.equal(isWithin(window, at(17, 0)), false)
  })

  it('may go past midnight', () => {
    const window = parseWindow('22:00-06:00')
    assert.equal(isWithin(window, at(21, 59)), false)
    assert.equal(isWithin(window, at(23, 0)), true)
    assert.equal(isWithin(window, at(0, 0)), true)
    assert.equal(isWithin(window, at(5, 59)), true)
    assert.equal(isWithin(window, at(6, 0)), false)
  })

  it('is the whole day when nothing is given', () => {
    assert.equal(isWithin(parseWindow(''), at(12, 0)), true)
  })

  it('is the whole day when it ends where it starts', () => {
    assert.equal(isWithin(parseWindow('06:00-06:00'), at(12, 0)), true)
  })
})
