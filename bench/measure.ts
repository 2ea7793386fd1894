/** Runs the contenders of a case in turns, and says what came of it. */
import { reasonOf } from '../src/reason.ts'
import { cpuSeconds } from './processes.ts'
import type { Case, Contender, Measure } from './workload.ts'

/** What one contender has done in all rounds. */
export interface Row {
  contender: string
  /** By the name of the measure, a value a round. */
  values: Record<string, number[]>
  /** CPU seconds for a unit of work, a value a round; empty where nothing is told of it. */
  cpu: number[]
  /** Why it did not get through. */
  failure: string | null
}

export interface CaseResult {
  name: string
  measures: Measure[]
  work: Case['work']
  subject: string
  rows: Row[]
}

/**
 * Round after round each contender once, so that whatever else the machine does meets all of them. Whoever fails is
 * left out of the rounds that follow.
 */
export async function measure(
  { contenders, ...rest }: Case,
  rounds: number,
  tell: (line: string) => void,
): Promise<CaseResult> {
  const rows = contenders.map((contender) => ({ contender, row: emptyRow(contender, rest) }))
  for (let round = 1; round <= rounds; round++) {
    for (const { contender, row } of rows) {
      if (row.failure !== null) continue
      tell(`${rest.name}: round ${round} of ${rounds}, ${contender.name}`)
      try {
        await runOnce(contender, row)
      } catch (error) {
        row.failure = reasonOf(error)
        tell(`${rest.name}: ${contender.name} failed: ${row.failure}`)
      }
    }
  }
  const { name, measures, work, subject } = rest
  return { name, measures, work, subject, rows: rows.map(({ row }) => row) }
}

function emptyRow({ name }: Contender, { measures }: Omit<Case, 'contenders'>): Row {
  const values = Object.fromEntries(measures.map((one): [string, number[]] => [one.name, []]))
  return { contender: name, values, cpu: [], failure: null }
}

async function runOnce({ pids, run }: Contender, row: Row): Promise<void> {
  const before = cpuSeconds(pids())
  const { values, work, cpu } = await run()
  const spent = cpu ?? cpuSeconds(pids()) - before
  for (const [name, list] of Object.entries(row.values)) {
    const value = values[name]
    if (value === undefined || !Number.isFinite(value)) throw new Error(`no value of "${name}"`)
    list.push(value)
  }
  if (work !== undefined && work > 0) row.cpu.push(spent / work)
}

/** NaN of nothing. */
export function median(values: number[]): number {
  return quantile(values, 0.5)
}

/** Between two values in proportion; NaN of nothing. */
export function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** From the least to the most, as a part of the median. */
export function spread(values: number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** How many times better one is than the other: above 1 where it is better. */
export function ratio(measure: Pick<Measure, 'better'>, subject: number, peer: number): number {
  return measure.better === 'more' ? subject / peer : peer / subject
}
