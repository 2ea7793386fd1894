/** The results as text. */
import { formatMedian, formatNumber, outcomesOf, valuesOf } from './format.ts'
import { type CaseResult, median, ratio, type Row, spread } from './measure.ts'
import type { Measure } from './workload.ts'

const HEAD = ['case', 'what', 'who', 'median', 'spread', 'ratio', 'CPU', 'wanted']

/**
 * A line for each case, measure and contender, as Markdown, which is a table in a terminal too. Why somebody has failed
 * stands below.
 */
export function tableOf(cases: CaseResult[]): string {
  const rows = cases.flatMap((result) =>
    result.measures.flatMap((measure, index) =>
      result.rows.map((row) => lineOf(result, measure, { row, isFirst: index === 0 })),
    ),
  )
  const failures = cases.flatMap(({ name, rows: all }) =>
    all.flatMap(({ contender, failure }) =>
      failure === null ? [] : `${name}: ${contender} failed: ${failure}`,
    ),
  )
  return [markdown([HEAD, ...rows]), ...failures].join('\n\n')
}

function lineOf(
  result: CaseResult,
  measure: Measure,
  { row, isFirst }: { row: Row; isFirst: boolean },
): string[] {
  const values = row.values[measure.name] ?? []
  const start = [result.name, measure.name, row.contender]
  if (row.failure !== null) return [...start, 'failed', '', '', '', '']
  return [
    ...start,
    formatMedian(measure, values),
    `${(spread(values) * 100).toFixed(0)} %`,
    ratioText(result, measure, row),
    isFirst && row.cpu.length > 0 ? `${formatNumber(median(row.cpu))} s / ${result.work}` : '',
    goalText(result, measure, row),
  ]
}

/** How many times better the subject is than this contender. */
function ratioText({ rows, subject }: CaseResult, measure: Measure, row: Row): string {
  if (row.contender === subject) return ''
  const own = median(valuesOf(rows, subject, measure))
  const times = ratio(measure, own, median(row.values[measure.name] ?? []))
  return Number.isFinite(times) ? `${formatNumber(times)} ×` : '–'
}

function goalText(result: CaseResult, measure: Measure, { contender }: Row): string {
  return outcomesOf(measure, result)
    .filter((outcome) => outcome.contender === contender)
    .map(({ text, met }) => `${text} ${met ? 'met' : 'missed'}`)
    .join(', ')
}

function markdown(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}
