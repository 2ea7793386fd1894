/** Measures Heliostat beside its peers: `npm run bench [-- WORKLOAD…]`. */
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { reasonOf } from '../src/reason.ts'
import { openLab } from './lab.ts'
import { type CaseResult, measure } from './measure.ts'
import { documentOf, keep, type WorkloadResult } from './results.ts'
import { tableOf } from './table.ts'
import type { Workload } from './workload.ts'
import { WORKLOADS } from './workloads/all.ts'

interface Options {
  rounds: number
  seconds: number
  workers?: number
  results: string
  json?: true
  list?: true
}

const program = new Command('bench')
  .description('Measure Heliostat beside nginx, Varnish and Glance')
  .argument('[workload...]', 'which of them, instead of all')
  .option('--rounds <number>', 'how often each contender has its turn', positive, 5)
  .option('--seconds <number>', 'how long a turn is that has no end by itself', positive, 5)
  .option('--workers <number>', 'processes of each Heliostat, instead of its default', positive)
  .option(
    '--results <folder>',
    'where the charts and results.json go',
    join(import.meta.dirname, 'results'),
  )
  .option('--json', 'print JSON instead of tables')
  .option('--list', 'name the workloads')
  .action(main)

await program.parseAsync()

async function main(names: string[], options: Options): Promise<void> {
  if (options.list) return list()
  const wanted = names.length === 0 ? WORKLOADS : names.map(workloadOf)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The lab ends what runs in it.
    process.once(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143))
  }
  const results: WorkloadResult[] = []
  for (const workload of wanted) {
    const result = await run(workload, options)
    results.push(result)
    if (!options.json) print(`\n## ${workload.name}: ${workload.about}\n\n${textOf(result)}`)
  }
  const document = documentOf(results, options)
  await keep(options.results, results, document)
  if (options.json) print(JSON.stringify(document, null, 2))
  if (results.some(hasFailed)) process.exitCode = 1
}

function list(): void {
  const width = Math.max(...WORKLOADS.map(({ name }) => name.length))
  for (const { name, about, takes } of WORKLOADS) {
    print(`${name.padEnd(width)}  ${about}${takes === undefined ? '' : ` (takes ${takes})`}`)
  }
}

function workloadOf(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name)
  if (found) return found
  const known = WORKLOADS.map((workload) => workload.name).join(', ')
  return program.error(`There is no workload "${name}", wanted one of ${known}`)
}

/** Whatever fails is told in the result, so that the others go on. */
async function run(workload: Workload, options: Options): Promise<WorkloadResult> {
  const { name, about } = workload
  const { rounds, seconds, workers = null } = options
  const startedAt = performance.now()
  const tell = (line: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
    process.stderr.write(`${name} ${seconds.padStart(4)} s  ${line}\n`)
  }
  const lab = await openLab({ seconds, workers, tell })
  const cases: CaseResult[] = []
  try {
    for (const one of await workload.prepare(lab)) {
      cases.push(await measure(one, Math.min(rounds, one.mostRounds ?? rounds), tell))
    }
    return { name, about, cases, failure: null }
  } catch (error) {
    tell(`failed: ${reasonOf(error)}`)
    return { name, about, cases, failure: reasonOf(error) }
  } finally {
    await lab.close()
  }
}

function textOf({ cases, failure }: WorkloadResult): string {
  const table = cases.length > 0 ? `${tableOf(cases)}\n` : ''
  return failure === null ? table : `${table}Failed: ${failure}\n`
}

function hasFailed({ cases, failure }: WorkloadResult): boolean {
  return failure !== null || cases.some(({ rows }) => rows.some((row) => row.failure !== null))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Wanted a whole number above 0.')
}
