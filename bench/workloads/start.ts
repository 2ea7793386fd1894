import type { Lab, Server } from '../lab.ts'
import { prepareGlance } from '../peers/glance.ts'
import { environment, LAUNCHER, startHeliostat } from '../peers/heliostat.ts'
import { ifThere } from '../peers/packages.ts'
import type { Contender, Measure, Workload } from '../workload.ts'

const TIME: Measure = { name: 'time', unit: 's', better: 'less', goals: [{ bound: 0.5 }] }

/** From the start of the process to its first answer. */
export const start: Workload = {
  name: 'start',
  about: 'from the start of the process to the first answer, and a command',
  async prepare(lab) {
    const dataDir = await lab.subfolder('data')
    // The first command after a change of the sources bundles them.
    await command(lab)
    const glance = await ifThere(lab, 'Glance', () => prepareGlance(lab))
    const again = [
      timed('Heliostat', () => untilStopped(startHeliostat(lab, { dataDir }))),
      ...(glance ? [timed('Glance', () => untilStopped(glance.start()))] : []),
    ]
    const first = [timed('Heliostat', () => untilStopped(startHeliostat(lab)))]
    const rest = { measures: [TIME], work: null, subject: 'Heliostat' }
    return [
      { ...rest, name: 'first start, without data', contenders: first },
      { ...rest, name: 'start', contenders: again },
      { ...rest, name: 'heliostat config', contenders: [timed('Heliostat', () => command(lab))] },
    ]
  },
}

/** Returns what ends that which has been started, which is not measured. */
type Action = () => Promise<() => Promise<void>>

function timed(name: string, action: Action): Contender {
  return {
    name,
    pids: () => [],
    async run() {
      const startedAt = performance.now()
      const end = await action()
      const seconds = (performance.now() - startedAt) / 1000
      await end()
      return { values: { time: seconds } }
    },
  }
}

async function untilStopped(starting: Promise<Server>) {
  const { stop } = await starting
  return stop
}

async function command(lab: Lab) {
  await lab.command(process.execPath, [LAUNCHER, 'config'], { env: environment() })
  return async () => undefined
}
