import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createProgress, formatBytes, formatSeconds } from '../../src/cli/progress.ts'

function createTerminal(isTTY: boolean) {
  const terminal = {
    isTTY,
    columns: 40,
    text: '',
    write(part: string | Uint8Array) {
      terminal.text += String(part)
      return true
    },
  }
  return terminal
}

describe('createProgress', () => {
  it('draws a bar that fits into the line, and takes it away', () => {
    const terminal = createTerminal(true)
    const progress = createProgress(terminal)
    progress.show(1, 2, 'a text that is longer than the terminal is wide')
    assert.match(terminal.text, /^\r█{12}░{12} {2}50 % {2}a text \x1b\[K$/)
    progress.end()
    assert.match(terminal.text, /\r\x1b\[K$/)
  })

  it('writes nothing where there is no terminal', () => {
    const terminal = createTerminal(false)
    const progress = createProgress(terminal)
    progress.show(1, 2, 'half')
    progress.end()
    assert.equal(terminal.text, '')
  })
})

describe('formatBytes', () => {
  it('takes the unit in which the number is short', () => {
    assert.deepEqual([0, 1023, 1024, 96 << 20, 10 * 2 ** 30, 2 ** 61].map(formatBytes), [
      '0 B',
      '1023 B',
      '1.0 KiB',
      '96.0 MiB',
      '10.0 GiB',
      '2048 PiB',
    ])
  })
})

describe('formatSeconds', () => {
  it('rounds to seconds, minutes or hours', () => {
    assert.deepEqual([0.4, 59, 90, 7200].map(formatSeconds), ['0 s', '59 s', '2 min', '2 h'])
  })
})
