import { join } from 'node:path'
import { z } from 'zod'
import { createImage } from '../images.ts'
import type { Lab } from '../lab.ts'
import { quantile } from '../measure.ts'
import { MIRROR_TOKEN, type Site, startHeliostat } from '../peers/heliostat.ts'
import { cpuSeconds } from '../processes.ts'
import type { Case, Contender, Measure, Reading, Workload } from '../workload.ts'
import type { FollowersOptions } from '../load/followers-options.ts'

const FOLLOWERS = join(import.meta.dirname, '../load/followers.ts')
const MANY = 1000
const CHANGES = 10
/** While nothing happens each follower asks again every 25 seconds. */
const IDLE_SECONDS = 25

const report = z.object({ lags: z.array(z.number()) })

/** Long polls at one origin, as many as a thousand edges hold. */
export const followers: Workload = {
  name: 'followers',
  about: `${MANY.toLocaleString('en-US')} followers at one origin: how late a change is, what they cost while idle`,
  async prepare(lab) {
    const site = await startHeliostat(lab)
    await createImage({ url: site.url, headers: {} })
    return [
      caseOf(lab, site, { name: 'a change reaches all followers', changes: CHANGES }),
      caseOf(lab, site, { name: 'nothing changes', changes: 0 }),
    ]
  },
}

const LAGS: Measure[] = [
  { name: 'p99', unit: 'ms', better: 'less', goals: [{ bound: 1000 }] },
  { name: 'p50', unit: 'ms', better: 'less' },
  { name: 'CPU of a change', unit: 's', better: 'less' },
]
const IDLE: Measure[] = [
  { name: 'CPU of the origin', unit: 'cores', better: 'less', goals: [{ bound: 0.5 }] },
]

function caseOf(lab: Lab, site: Site, { name, changes }: { name: string; changes: number }): Case {
  const contender = (count: number, title: string): Contender => ({
    name: title,
    pids: () => [],
    run: () => runOnce(lab, site, { count, changes }),
  })
  const subject = `${MANY.toLocaleString('en-US')} followers`
  return {
    name,
    measures: changes > 0 ? LAGS : IDLE,
    work: null,
    subject,
    mostRounds: 3,
    contenders: [contender(MANY, subject), contender(1, '1 follower')],
  }
}

/** The CPU is that between the moment at which all have begun to wait and the last line. */
async function runOnce(
  lab: Lab,
  { url, pids }: Site,
  { count, changes }: { count: number; changes: number },
): Promise<Reading> {
  const options: FollowersOptions = { url, token: MIRROR_TOKEN, count, changes, idle: IDLE_SECONDS }
  const moments: { cpu: number; at: number }[] = []
  const onLine = () => moments.push({ cpu: cpuSeconds(pids()), at: performance.now() })
  const args = ['--import', 'tsx', FOLLOWERS, JSON.stringify(options)]
  const output = await lab.command(process.execPath, args, { onLine })
  const [from, to] = moments
  if (!from || !to) throw new Error(`the followers have told nothing: ${output}`)
  const cpu = to.cpu - from.cpu
  const { lags } = report.parse(JSON.parse(output.trimEnd().split('\n').at(-1) ?? ''))
  if (changes === 0) return { values: { 'CPU of the origin': cpu / ((to.at - from.at) / 1000) } }
  return {
    values: {
      p50: quantile(lags, 0.5),
      p99: quantile(lags, 0.99),
      'CPU of a change': cpu / changes,
    },
  }
}
