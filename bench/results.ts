/** What is kept of a run: the numbers as JSON, and a chart for each workload. */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { chartOf } from './chart.ts'
import { outcomesOf } from './format.ts'
import { type CaseResult, median, spread } from './measure.ts'

export interface WorkloadResult {
  name: string
  about: string
  cases: CaseResult[]
  /** Why it could not be prepared. */
  failure: string | null
}

/** Of these packages the versions are told, as far as they are there. */
const PACKAGES = ['nginx', 'varnish', 'glance-api', 'python3-keystone', 'wrk', 'curl']

/** The machine, and the versions of what was measured. */
export function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    versions: { heliostat: packageJson.version, node: process.versions.node, ...debianVersions() },
  }
}

function debianVersions(): Record<string, string> {
  // It also fails where only some of them are there.
  const found = PACKAGES.flatMap((name) => {
    try {
      const args = ['--show', '--showformat', '${Version}', name]
      const version = execFileSync('dpkg-query', args, { stdio: ['ignore', 'pipe', 'ignore'] })
      return [[name, version.toString()]]
    } catch {
      return []
    }
  })
  return Object.fromEntries(found)
}

/** The results with medians, spreads and goals, as they go into JSON. */
export function documentOf(
  results: WorkloadResult[],
  { rounds, seconds, workers }: { rounds: number; seconds: number; workers?: number },
) {
  const workloads = results.map(({ cases, ...rest }) => ({ ...rest, cases: cases.map(summarized) }))
  return { machine: machine(), options: { rounds, seconds, workers: workers ?? null }, workloads }
}

function summarized(result: CaseResult) {
  return {
    ...result,
    rows: result.rows.map(({ values, cpu, ...row }) => ({
      ...row,
      cpu: { median: orNull(median(cpu)), values: cpu },
      values: Object.fromEntries(
        Object.entries(values).map(([name, list]) => [
          name,
          { median: orNull(median(list)), spread: orNull(spread(list)), values: list },
        ]),
      ),
    })),
    outcomes: result.measures.flatMap((measure) =>
      outcomesOf(measure, result).map((outcome) => ({ measure: measure.name, ...outcome })),
    ),
  }
}

/** JSON has no NaN. */
function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

/** Writes `results.json` and a chart for each workload that has something to show. */
export async function keep(
  folder: string,
  results: WorkloadResult[],
  document: object,
): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(document, null, 2)}\n`)
  for (const { name, about, cases } of results) {
    if (cases.length > 0) await writeFile(join(folder, `${name}.svg`), chartOf(about, cases))
  }
}
