/** What takes longer the more images there are. */
import { usageOf } from '../../src/images/usage.ts'
import { withRegistry } from '../crafted.ts'
import type { Lab } from '../lab.ts'
import { median } from '../measure.ts'
import {
  environment,
  LAUNCHER,
  MIRROR_TOKEN,
  type Site,
  startHeliostat,
} from '../peers/heliostat.ts'
import { imageIdOf, populate, POPULATED_PROJECT, populateStore } from '../population.ts'
import { memoryOf } from '../processes.ts'
import type { Case, Goal, Reading, Unit, Workload } from '../workload.ts'
import { runWrk } from '../wrk.ts'

const COUNTS = [100, 10_000, 1_000_000]
const SUBJECT = nameOf(1_000_000)
/** How often a statement is asked for in a round. */
const TIMES = 11
/** More than are asked for in a round, since a site remembers what it has just given. */
const SHOWN = 10_000
/** At most half as much again as with 10,000 images. */
const NO_SLOWER: Goal[] = [{ peer: nameOf(10_000), ratio: 0.667 }]

export const growth: Workload = {
  name: 'growth',
  about: 'list, show, usage, snapshot, sweep and memory with 100 to 1,000,000 images',
  takes: 'half an hour',
  async prepare(lab) {
    const sites: Populated[] = []
    for (const count of COUNTS) sites.push(await startPopulated(lab, count))
    const make = (asked: Asked) => caseOf(sites, asked)
    return [
      make({
        name: 'list 25',
        unit: 'ms',
        goals: NO_SLOWER,
        ask: (one) => request(lab, one, (id) => `/v2/images?marker=${id}`),
      }),
      make({
        name: 'show',
        unit: 'ms',
        goals: NO_SLOWER,
        ask: (one) => request(lab, one, (id) => `/v2/images/${id}`),
      }),
      make({ name: 'usage of a project', unit: 'ms', ask: usage }),
      make({ name: 'snapshot', unit: 's', mostRounds: 2, ask: (one) => snapshot(lab, one) }),
      make({ name: 'db sweep', unit: 's', mostRounds: 2, ask: (one) => sweep(lab, one) }),
      make({
        name: 'memory',
        unit: 'MB',
        ask: async ({ site }) => memoryOf(site.pids()).pss / 1e6,
      }),
    ]
  },
}

interface Populated {
  count: number
  site: Site
}

function nameOf(count: number): string {
  return `${count.toLocaleString('en-US')} images`
}

async function startPopulated(lab: Lab, count: number): Promise<Populated> {
  const dataDir = await lab.subfolder('data')
  lab.tell(`Writing ${nameOf(count)}`)
  await withRegistry(dataDir, (registry) => populate(registry, count))
  populateStore(dataDir, count)
  // A scrubber would find that the chunks are empty.
  const options = { mirror: { scrub_mbits: '0' } }
  return { count, site: await startHeliostat(lab, { dataDir, options }) }
}

interface Asked {
  name: string
  /** Of what takes minutes. */
  mostRounds?: number
  unit: Unit
  goals?: Goal[]
  ask: (one: Populated) => Promise<number>
}

function caseOf(sites: Populated[], { name, unit, goals, mostRounds, ask }: Asked): Case {
  const measure = unit === 'MB' ? 'PSS' : 'time'
  return {
    name,
    measures: [{ name: measure, unit, better: 'less', ...(goals && { goals }) }],
    work: null,
    subject: SUBJECT,
    ...(mostRounds !== undefined && { mostRounds }),
    contenders: sites.map((one) => ({
      name: nameOf(one.count),
      pids: one.site.pids,
      run: async (): Promise<Reading> => ({ values: { [measure]: await ask(one) } }),
    })),
  }
}

/** Milliseconds of a request, with one client, for what is at these paths with the ids of images. */
async function request(
  lab: Lab,
  { site, count }: Populated,
  pathOf: (id: string) => string,
): Promise<number> {
  const step = Math.max(1, Math.floor(count / SHOWN))
  const paths = Array.from({ length: Math.min(SHOWN, count) }, (_, index) =>
    pathOf(imageIdOf(index * step)),
  )
  const options = { url: site.url, headers: {}, clients: 1, paths }
  const { requests, seconds } = await runWrk(lab, options)
  return (seconds / requests) * 1000
}

/** Milliseconds of the statement that a quota asks for: only with Keystone's limits there is a request for it. */
async function usage({ site }: Populated): Promise<number> {
  return withRegistry(site.dataDir, async (registry) => {
    const times: number[] = []
    for (let index = 0; index < TIMES; index++) {
      const startedAt = performance.now()
      await usageOf(registry, POPULATED_PROJECT)
      times.push(performance.now() - startedAt)
    }
    return median(times)
  })
}

async function snapshot(lab: Lab, { site, count }: Populated): Promise<number> {
  const script = `curl --silent --fail --header "$1" "$2" | wc --lines`
  const url = `${site.url}/mirror/v1/snapshot`
  const startedAt = performance.now()
  const header = `Authorization: Bearer ${MIRROR_TOKEN}`
  const lines = await lab.command('bash', ['-o', 'pipefail', '-c', script, 'bash', header, url])
  const seconds = (performance.now() - startedAt) / 1000
  // The first line tells where the feed stands.
  if (Number(lines) !== count + 1) throw new Error(`a snapshot has ${lines.trim()} lines`)
  return seconds
}

async function sweep(lab: Lab, { site }: Populated): Promise<number> {
  const startedAt = performance.now()
  const args = [LAUNCHER, 'db', 'sweep', '--config-file', site.configFile]
  await lab.command(process.execPath, args, { env: environment() })
  return (performance.now() - startedAt) / 1000
}
