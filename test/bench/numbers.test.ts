import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CaseResult, measure, median, quantile, ratio, spread } from '../../bench/measure.ts'
import { tableOf } from '../../bench/table.ts'
import { parseReport } from '../../bench/wrk.ts'
import type { Case, Measure } from '../../bench/workload.ts'

const SPEED: Measure = { name: 'speed', unit: 'GB/s', better: 'more' }

describe('numbers of several rounds', () => {
  it('have the middle one as median, or what is between the two in the middle', () => {
    assert.equal(median([9, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 10]), 3)
    assert.ok(Number.isNaN(median([])))
  })

  it('have quantiles between two values in proportion', () => {
    assert.equal(quantile([10, 0], 0.25), 2.5)
    assert.equal(quantile([3, 1, 2], 1), 3)
  })

  it('spread from the least to the most, as a part of the median', () => {
    assert.equal(spread([10, 12, 8]), 0.4)
  })

  it('are better by their ratio, whether more is better or less', () => {
    assert.equal(ratio({ better: 'more' }, 30, 10), 3)
    assert.equal(ratio({ better: 'less' }, 30, 10), 1 / 3)
  })
})

describe('the rounds of a case', () => {
  it('have each contender once in turn, and leave out who has failed', async () => {
    const turns: string[] = []
    const contender = (name: string, failsAt = Infinity) => ({
      name,
      pids: () => [],
      async run() {
        turns.push(name)
        if (turns.length >= failsAt) throw new Error('it is down')
        return { values: { speed: turns.length }, work: 2, cpu: 3 }
      },
    })
    const rest = { name: 'case', measures: [SPEED], work: 'GB' as const, subject: 'a' }
    const one: Case = { ...rest, contenders: [contender('a'), contender('b', 4), contender('c')] }
    const { rows } = await measure(one, 3, () => undefined)
    assert.deepEqual(turns.join(''), 'abcabcac')
    assert.deepEqual(rows[0], {
      contender: 'a',
      values: { speed: [1, 4, 7] },
      cpu: [1.5, 1.5, 1.5],
      failure: null,
    })
    assert.deepEqual([rows[1]?.failure, rows[2]?.failure], ['it is down', null])
  })

  it('do not take a measure that is missing for nothing', async () => {
    const contenders = [{ name: 'a', pids: () => [], run: async () => ({ values: { other: 1 } }) }]
    const one = { name: 'case', measures: [SPEED], work: null, subject: 'a', contenders }
    const { rows } = await measure(one, 1, () => undefined)
    assert.equal(rows[0]?.failure, 'no value of "speed"')
  })
})

describe('the table', () => {
  const result = (goals: Measure['goals'] = []): CaseResult => ({
    name: 'GET',
    measures: [{ ...SPEED, goals }],
    work: 'GB',
    subject: 'Heliostat',
    rows: [
      { contender: 'Heliostat', values: { speed: [2, 3, 4] }, cpu: [0.25], failure: null },
      { contender: 'nginx', values: { speed: [1.5] }, cpu: [], failure: null },
      { contender: 'Glance', values: { speed: [] }, cpu: [], failure: 'it is down' },
    ],
  })
  const line = (who: string, goals?: Measure['goals']) =>
    tableOf([result(goals)])
      .split('\n')
      .find((text) => text.includes(`| ${who} `))
      ?.split('|')
      .map((cell) => cell.trim())
      .slice(4, -1)

  it('tells median, spread, CPU, and how many times better the subject is', () => {
    assert.deepEqual(line('Heliostat'), ['3.00 GB/s', '67 %', '', '0.250 s / GB', ''])
    assert.deepEqual(line('nginx'), ['1.50 GB/s', '0 %', '2.00 ×', '', ''])
  })

  it('tells beside the peer or the subject whether it is as wanted', () => {
    const goals = [{ peer: 'nginx', ratio: 2 }, { bound: 3.5 }, { peer: 'Varnish', ratio: 1 }]
    assert.equal(line('nginx', goals)?.at(-1), '≥ 2 × met')
    assert.equal(line('Heliostat', goals)?.at(-1), '≥ 3.50 GB/s missed')
  })

  it('says below why a contender has failed', () => {
    assert.deepEqual(line('Glance'), ['failed', '', '', '', ''])
    assert.match(tableOf([result()]), /\n\nGET: Glance failed: it is down$/)
  })
})

describe("wrk's report", () => {
  const output = (more: object) =>
    `Running 5s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n${JSON.stringify({
      ...{ requests: 100, seconds: 5, bytes: 1000, p50: 1.5, p99: 9, refused: 0, broken: 0 },
      ...more,
    })}\nsomething else\n`

  it('is read from among its own words', () => {
    const { requests, seconds, p99 } = parseReport(output({}))
    assert.deepEqual([requests, seconds, p99], [100, 5, 9])
  })

  it('is refused where answers were errors, requests broke off, or none was answered', () => {
    assert.throws(
      () => parseReport(output({ refused: 3 })),
      /^Error: 3 of 100 answers were errors$/,
    )
    assert.throws(() => parseReport(output({ broken: 2 })), /2 requests failed or timed out/)
    assert.throws(() => parseReport(output({ requests: 0 })), /wrk got no answer/)
    assert.throws(() => parseReport('unable to connect'), /wrk has told nothing: unable to connect/)
  })
})
