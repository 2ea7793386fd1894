import { download } from '../downloads.ts'
import { GIB } from '../images.ts'
import type { Lab } from '../lab.ts'
import type { Case, Measure, Workload } from '../workload.ts'
import { startHolders } from './one-file.ts'

const SPEED: Measure = {
  name: 'speed',
  unit: 'GB/s',
  better: 'more',
  goals: [
    { peer: 'nginx', ratio: 1 },
    { peer: 'Glance', ratio: 1.1 },
  ],
}

/** Downloads of an image that everybody has whole, by so many clients at once. */
export function getWorkload(clients: number): Workload {
  return {
    name: `get-${clients}`,
    about: `GET of 1 GiB that is resident, ${clients === 1 ? '1 client' : `${clients} clients`}`,
    prepare: (lab) => prepare(lab, clients),
  }
}

async function prepare(lab: Lab, clients: number): Promise<Case[]> {
  const holders = await startHolders(lab, GIB)
  return [
    {
      name: `GET 1 GiB, ${clients} at once`,
      measures: [SPEED],
      work: 'GB',
      subject: 'Heliostat',
      contenders: holders.map(({ name, pids, url, headers }) => ({
        name,
        pids,
        async run() {
          const { bytes, seconds } = await download(lab, {
            url,
            headers,
            clients,
            seconds: lab.seconds,
          })
          return { values: { speed: bytes / 1e9 / seconds }, work: bytes / 1e9 }
        },
      })),
    },
  ]
}
