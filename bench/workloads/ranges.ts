import { GIB } from '../images.ts'
import type { Lab } from '../lab.ts'
import type { Case, Measure, Workload } from '../workload.ts'
import { runWrk } from '../wrk.ts'
import { startHolders } from './one-file.ts'

const CLIENTS = 16
const LENGTH = 64 * 1024

const MEASURES: Measure[] = [
  {
    name: 'rate',
    unit: 'requests/s',
    better: 'more',
    goals: [
      { peer: 'nginx', ratio: 0.4 },
      { peer: 'nginx slice', ratio: 20 },
      { peer: 'Glance', ratio: 80 },
    ],
  },
  { name: 'p99', unit: 'ms', better: 'less' },
]

/** Short ranges all over an image that everybody has whole. */
export const ranges: Workload = {
  name: 'ranges',
  about: `64 KiB ranges all over a resident 1 GiB, ${CLIENTS} clients`,
  prepare,
}

async function prepare(lab: Lab): Promise<Case[]> {
  const holders = await startHolders(lab, GIB)
  return [
    {
      name: `64 KiB ranges, ${CLIENTS} at once`,
      measures: MEASURES,
      work: '1,000 requests',
      subject: 'Heliostat',
      contenders: holders.map(({ name, pids, url, headers }) => ({
        name,
        pids,
        async run() {
          const options = { url, headers, clients: CLIENTS, ranges: { size: GIB, length: LENGTH } }
          const { requests, seconds, p99 } = await runWrk(lab, options)
          return { values: { rate: requests / seconds, p99 }, work: requests / 1000 }
        },
      })),
    },
  ]
}
