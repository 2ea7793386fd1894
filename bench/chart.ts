/** A chart as SVG, readable on light and on dark ground. */
import { formatMedian, valuesOf } from './format.ts'
import { type CaseResult, median } from './measure.ts'
import type { Measure } from './workload.ts'

const WIDTH = 760
const LABELS = 190
/** Right of the bars, where the numbers stand. */
const NUMBERS = 130
const BAR = 18
const GAP = 6
const HEADING = 34
const TOP = 44

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .heading { font-weight: 600 }
  .note { fill: #59636e }
  .bar { fill: #afb8c1 }
  .subject { fill: #0969da }
  .range { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .bar { fill: #656c76 }
    .subject { fill: #4493f8 }
    .range { stroke: #f0f6fc }
  }`

/** A group of bars for each case: the medians of its first measure, with a line from the least to the most. */
export function chartOf(title: string, cases: CaseResult[]): string {
  let y = TOP
  const parts: string[] = []
  for (const result of cases) {
    const [measure] = result.measures
    if (measure === undefined) continue
    const group = groupOf(result, measure, y)
    parts.push(group.svg)
    y += group.height
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">
<title>${escape(title)}</title>
<style>${STYLE}
</style>
<text class="title" x="0" y="20">${escape(title)}</text>
${parts.join('\n')}
</svg>
`
}

function groupOf(result: CaseResult, measure: Measure, top: number) {
  const rows = result.rows.filter(({ failure }) => failure === null)
  const most = Math.max(
    ...rows.flatMap((row) => valuesOf(rows, row.contender, measure)),
    Number.MIN_VALUE,
  )
  const scale = (value: number) => (value / most) * (WIDTH - LABELS - NUMBERS)
  const note = measure.better === 'more' ? 'more is better' : 'less is better'
  const heading = `<text class="heading" x="0" y="${top + 18}">${escape(result.name)} <tspan class="note">${escape(measure.name)}, ${note}</tspan></text>`
  const bars = rows.map((row, index) =>
    barOf({
      values: valuesOf(rows, row.contender, measure),
      label: row.contender,
      isSubject: row.contender === result.subject,
      y: top + HEADING + index * (BAR + GAP),
      measure,
      scale,
    }),
  )
  const height = HEADING + rows.length * (BAR + GAP) + GAP * 2
  return { svg: [heading, ...bars].join('\n'), height }
}

interface Bar {
  values: number[]
  label: string
  isSubject: boolean
  y: number
  measure: Measure
  scale: (value: number) => number
}

function barOf({ values, label, isSubject, y, measure, scale }: Bar): string {
  const [from, length, to] = [Math.min(...values), median(values), Math.max(...values)].map(
    (value) => scale(value).toFixed(1),
  )
  const middle = y + BAR / 2
  const at = (x = '0') => (LABELS + Number(x)).toFixed(1)
  const numbersAt = LABELS + Number(to) + 8
  return [
    `<text x="${LABELS - 8}" y="${middle + 4.5}" text-anchor="end">${escape(label)}</text>`,
    `<rect class="${isSubject ? 'subject' : 'bar'}" x="${LABELS}" y="${y}" width="${length}" height="${BAR}" rx="2"/>`,
    `<line class="range" x1="${at(from)}" y1="${middle}" x2="${at(to)}" y2="${middle}"/>`,
    `<text x="${numbersAt.toFixed(1)}" y="${middle + 4.5}">${escape(formatMedian(measure, values))}</text>`,
  ].join('\n')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
