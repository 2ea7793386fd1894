import { Counter, Histogram, type Registry } from 'prom-client'
import type { Metrics } from '../services.ts'

/** Seconds. Most answers are ready within milliseconds; an upload is answered after its last byte. */
const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

/** The numbers of requests. Their labels are words of ours, whatever a client sends. */
export function createRequestCount(registry: Registry): Metrics['countRequest'] {
  const registers = [registry]
  const total = new Counter({
    name: 'heliostat_requests_total',
    help: 'Requests answered, by the route that they took',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'heliostat_request_duration_seconds',
    help: 'How long requests took until their answer began, with the body that they brought',
    labelNames: ['method', 'route', 'status_class'],
    buckets: BUCKETS,
    registers,
  })
  const series = new Map<string, (seconds: number) => void>()

  /** As many as the two metrics have. */
  function open(method: string, route: string, status: number): (seconds: number) => void {
    const count = total.labels({ method, route, status })
    const duration = durations.labels({
      method,
      route,
      status_class: `${Math.trunc(status / 100)}xx`,
    })
    return (seconds) => {
      count.inc()
      duration.observe(seconds)
    }
  }

  return ({ method, route, status, seconds }) => {
    const key = `${method} ${status} ${route}`
    let add = series.get(key)
    if (!add) series.set(key, (add = open(method, route, status)))
    add(seconds)
  }
}
