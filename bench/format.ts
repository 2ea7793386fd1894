/** Numbers as people read them. */
import { median, ratio } from './measure.ts'
import type { CaseResult, Row } from './measure.ts'
import type { Measure } from './workload.ts'

/** Three digits that count, and thousands with commas. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  })
}

export function formatMedian({ unit }: Measure, values: number[]): string {
  return `${formatNumber(median(values))} ${unit}`
}

export interface Outcome {
  /** Whom the line of the table is about: the peer of a ratio, or the subject itself. */
  contender: string
  text: string
  met: boolean
}

/** What was wanted of the subject, and whether it came, as far as those are there who have to be. */
export function outcomesOf(measure: Measure, { rows, subject }: CaseResult): Outcome[] {
  const { goals = [], better, unit } = measure
  const of = (name: string) => median(valuesOf(rows, name, measure))
  const own = of(subject)
  return goals.flatMap((goal) => {
    if ('bound' in goal) {
      if (!Number.isFinite(own)) return []
      const sign = better === 'more' ? '≥' : '≤'
      const met = better === 'more' ? own >= goal.bound : own <= goal.bound
      return { contender: subject, text: `${sign} ${formatNumber(goal.bound)} ${unit}`, met }
    }
    const reached = ratio(measure, own, of(goal.peer))
    if (!Number.isFinite(reached)) return []
    return { contender: goal.peer, text: `≥ ${goal.ratio} ×`, met: reached >= goal.ratio }
  })
}

export function valuesOf(rows: Row[], contender: string, { name }: Measure): number[] {
  return rows.find((row) => row.contender === contender)?.values[name] ?? []
}
