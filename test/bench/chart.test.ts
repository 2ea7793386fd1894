import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { z } from 'zod'
import { chartOf } from '../../bench/chart.ts'
import type { CaseResult } from '../../bench/measure.ts'

const RESULT: CaseResult = {
  name: 'status=active & size < 5',
  measures: [{ name: 'time', unit: 'ms', better: 'less' }],
  work: null,
  subject: 'Heliostat',
  rows: [
    { contender: 'Heliostat', values: { time: [10, 20, 30] }, cpu: [], failure: null },
    { contender: 'nginx "slice"', values: { time: [40] }, cpu: [], failure: null },
    { contender: 'Glance', values: { time: [] }, cpu: [], failure: 'it is down' },
  ],
}

const drawn = z.object({
  svg: z.object({
    title: z.string(),
    rect: z.array(z.object({ class: z.string(), width: z.coerce.number() })),
  }),
})

describe('a chart', () => {
  const svg = chartOf('lists <of> 100,000', [RESULT, { ...RESULT, name: 'again' }])
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' })

  it('is XML, whatever the names are', () => {
    assert.equal(XMLValidator.validate(svg), true)
    assert.equal(drawn.parse(parser.parse(svg)).svg.title, 'lists <of> 100,000')
  })

  it('has a bar as long as the median for each contender that got through', () => {
    const { rect } = drawn.parse(parser.parse(svg)).svg
    assert.deepEqual(
      rect.map((bar) => bar.class),
      ['subject', 'bar', 'subject', 'bar'],
    )
    assert.equal(rect[0]?.width, (rect[1]?.width ?? 0) / 2)
  })
})
