import { AggregatorRegistry, Gauge, type Registry } from 'prom-client'
import type { Metrics } from '../../services.ts'
import type { Numbers, Peers } from './calls.ts'

/** The numbers of a site as Prometheus reads them: of this process, or the sum of all that serve it. */
export function renderOf(registry: Registry, peers: Peers | null): Metrics['render'] {
  const own = (): Promise<Numbers> => registry.getMetricsAsJSON()
  peers?.offer({ numbers: own })
  return async () => {
    const shown = peers ? await sumOf(peers) : registry
    return { contentType: registry.contentType, text: await shown.metrics() }
  }
}

/** A worker that does not answer in time is left out but for what it has counted before, and that is shown too. */
async function sumOf(peers: Peers): Promise<Pick<Registry, 'metrics'>> {
  const { answers, kept } = await peers.askNumbers()
  const told = answers.filter((answer) => answer !== null)
  const sum = AggregatorRegistry.aggregate([...told, kept])
  const show = (name: string, help: string, value: number) =>
    new Gauge({ name: `heliostat_${name}`, help, registers: [sum] }).set(value)
  show('workers', 'Processes that serve this site', peers.count)
  show('workers_counted', 'Those of them that these numbers are of', told.length)
  return sum
}
