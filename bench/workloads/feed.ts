import { setTimeout } from 'node:timers/promises'
import { createImage } from '../images.ts'
import type { Server } from '../lab.ts'
import { quantile } from '../measure.ts'
import { startEdge, startHeliostat, untilShown } from '../peers/heliostat.ts'
import type { Reading, Workload } from '../workload.ts'

const CHANGES = 40
const PAUSE_MS = 150

/** How long a change takes from its acknowledgement until an edge shows it. */
export const feedLag: Workload = {
  name: 'feed-lag',
  about: `from a change at the origin to its sight at an edge, ${CHANGES} changes a round`,
  async prepare(lab) {
    const origin = await startHeliostat(lab)
    const edge = await startEdge(lab, origin)
    return [
      {
        name: 'a change reaches an edge',
        measures: [
          { name: 'p50', unit: 'ms', better: 'less' },
          { name: 'p99', unit: 'ms', better: 'less', goals: [{ bound: 1000 }] },
        ],
        work: null,
        subject: 'Heliostat',
        contenders: [{ name: 'Heliostat', pids: origin.pids, run: () => lags(origin, edge) }],
      },
    ]
  },
}

async function lags(origin: Server, edge: Server): Promise<Reading> {
  const all: number[] = []
  for (let index = 0; index < CHANGES; index++) {
    await setTimeout(PAUSE_MS * (0.5 + Math.random()))
    const id = await createImage({ url: origin.url, headers: {} })
    const changedAt = performance.now()
    await untilShown(edge, { id, status: 'queued' })
    all.push(performance.now() - changedAt)
  }
  return { values: { p50: quantile(all, 0.5), p99: quantile(all, 0.99) } }
}
