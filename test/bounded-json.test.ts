import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseBounded } from '../src/bounded-json.ts'

const BOUNDS = { values: 1_000, width: 900, depth: 10 }

describe('JSON of strangers', () => {
  it('is parsed as any other', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value)
        assert.deepEqual(parseBounded(text, BOUNDS), JSON.parse(text))
      }),
    )
  })

  it('may have texts that look like structure', () => {
    const text = JSON.stringify({ a: '\\"[{,'.repeat(10_000), b: '\\' })
    assert.deepEqual(parseBounded(text, BOUNDS), JSON.parse(text))
  })

  it('is refused before it takes memory', () => {
    const before = process.memoryUsage().heapTotal
    for (const part of ['[]', '{}', '0', '""']) {
      const text = `[${`${part},`.repeat(5_000_000)}0]`
      assert.throws(
        () => parseBounded(text, BOUNDS),
        /^Error: it has more than \d+ (values|members)/,
      )
    }
    assert.ok(process.memoryUsage().heapTotal - before < 200e6)
  })

  it('is refused where one list or object has too many members', () => {
    const nested = (count: number) => `[[${Array(count).fill('0').join()}],0]`
    assert.doesNotThrow(() => parseBounded(nested(900), BOUNDS))
    assert.throws(() => parseBounded(nested(901), BOUNDS), /more than 900 members in one/)
  })

  it('is refused where it is nested too deep', () => {
    for (const open of ['[', '{"a":']) {
      assert.throws(() => parseBounded(open.repeat(300_000), { ...BOUNDS, values: 1e9 }), /deeper/)
    }
  })

  it('is refused without a word of it where it is none', () => {
    for (const text of ['', '<html>', '"abc', '"abc\\', '[1,', '{"a"}', ']', '\u0000']) {
      assert.throws(() => parseBounded(text, BOUNDS), /^Error: it is no JSON$/)
    }
  })
})
