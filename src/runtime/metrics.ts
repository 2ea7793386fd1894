import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { OpenBody } from '../blobs/body.ts'
import type { Digester } from '../blobs/digest.ts'
import { pieces } from '../blobs/manifest.ts'
import type { Uploader } from '../images/upload/uploader.ts'
import type { Sweeper } from '../inventory/sweep.ts'
import type { Upstream } from '../mirror/upstream/client.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { Metrics } from '../services.ts'
import { createRequestCount } from './request-metrics.ts'
import type { Peers } from './processes/calls.ts'
import { renderOf } from './processes/sum.ts'
import type { IsResident, SiteChunks } from './site-chunks.ts'

/** Gauges that are named as counters; the same numbers are there by type. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

const FILL_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/**
 * The kind of a number, its name without the prefix, its help, and where it is read when Prometheus asks. The highest and
 * the lowest are gauges of which several workers each have their own.
 */
export type Reading = [
  'counter' | 'gauge' | 'highest' | 'lowest',
  string,
  string,
  () => number | Promise<number>,
]

/** The numbers of one site. What happens is counted by wrapping whatever does it, so that nothing else knows of metrics. */
export interface SiteMetrics {
  metrics: Metrics
  /** Counts the bytes of each body, once it has gone out, by where they lay when it was opened. */
  countBytes(open: OpenBody, residentOf: SiteChunks['residentOf']): OpenBody
  /** Counts what is digested of uploads. */
  countReceived(digester: Digester): Digester
  timeFills(fetchChunk: Upstream['chunk']): Upstream['chunk']
  countUploads(uploader: Uploader): Uploader
  countSweeps(sweeper: Sweeper): Sweeper
  /** Adds numbers that somebody else counts. */
  show(readings: Reading[]): void
}

export function createMetrics(peers: Peers | null = null): SiteMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  showBuild(registry)
  const count = createCounts(registry)
  startAtZero(count)

  const metrics: Metrics = {
    countRequest: createRequestCount(registry),
    render: renderOf(registry, peers),
  }

  return {
    metrics,

    countBytes: (open, residentOf) => async (content, range) => {
      const isResident = await residentOf(content)
      const sources = [...pieces(content, range)].map(({ digest }) => sourceOf(digest, isResident))
      const body = await open(content, range)
      void body?.sent.then((sent) => {
        let left = sent
        for (const { length } of pieces(content, range)) {
          count.bytes.inc({ source: sources.shift() ?? '' }, Math.min(length, left))
          left -= Math.min(length, left)
          if (left === 0) break
        }
      })
      return body
    },

    countReceived: (digester) => countReceived(digester, count.received),

    timeFills: (fetchChunk) => async (digest, memory, options) => {
      const end = count.fills.startTimer()
      const bytes = await fetchChunk(digest, memory, options)
      if (bytes) end()
      return bytes
    },

    countUploads: (uploader) => ({
      recover: uploader.recover,
      upload: (image, takeBody, request) =>
        counted(count.uploads, uploader.upload(image, takeBody, request)),
    }),

    countSweeps: (sweeper) => ({
      discard: sweeper.discard,
      async sweep(grace) {
        const swept = await counted(count.sweeps, sweeper.sweep(grace))
        count.swept.inc(swept.chunks)
        return swept
      },
    }),

    show(readings) {
      for (const reading of readings) show(registry, reading)
    },
  }
}

function countReceived(digester: Digester, received: Counter): Digester {
  return {
    ...digester,
    start(algorithm, checksum) {
      const stream = digester.start(algorithm, checksum)
      return {
        ...stream,
        update(bytes) {
          received.inc(bytes.length)
          return stream.update(bytes)
        },
      }
    },
  }
}

function showBuild(registry: Registry): void {
  const { deno, node } = process.versions
  const build = new Gauge({
    name: 'heliostat_build_info',
    help: 'Always 1: the version of Heliostat, and what runs it',
    labelNames: ['version', 'runtime'],
    aggregator: 'first',
    registers: [registry],
  })
  const runtime = deno === undefined ? `node ${node}` : `deno ${deno}`
  build.set({ version: packageJson.version, runtime }, 1)
}

function sourceOf(digest: string | null, isResident: IsResident): string {
  if (digest === null) return 'zero'
  return isResident(digest) ? 'resident' : 'upstream'
}

interface Counts {
  bytes: Counter<'source'>
  received: Counter
  fills: Histogram
  uploads: Counter<'result'>
  sweeps: Counter<'result'>
  swept: Counter
}

function createCounts(registry: Registry): Counts {
  const registers = [registry]
  return {
    bytes: new Counter({
      name: 'heliostat_bytes_sent_total',
      help: 'Bytes of images sent, by where they lay when their download began',
      labelNames: ['source'],
      registers,
    }),
    received: new Counter({
      name: 'heliostat_bytes_received_total',
      help: 'Bytes of images that uploads have brought, whatever became of them',
      registers,
    }),
    fills: new Histogram({
      name: 'heliostat_fill_seconds',
      help: 'How long the upstream, or a store that is far, took for a chunk',
      buckets: FILL_BUCKETS,
      registers,
    }),
    uploads: new Counter({
      name: 'heliostat_uploads_total',
      help: 'Uploads, by how they ended',
      labelNames: ['result'],
      registers,
    }),
    sweeps: new Counter({
      name: 'heliostat_sweeps_total',
      help: 'Sweeps of what nothing needs, by how they ended',
      labelNames: ['result'],
      registers,
    }),
    swept: new Counter({
      name: 'heliostat_swept_chunks_total',
      help: 'Chunks that were removed since nothing needed them',
      registers,
    }),
  }
}

/** So that the first one shows as an increase. */
function startAtZero({ bytes, uploads, sweeps }: Counts): void {
  for (const source of ['resident', 'upstream', 'zero']) bytes.inc({ source }, 0)
  for (const result of ['ok', 'failed']) {
    uploads.inc({ result }, 0)
    sweeps.inc({ result }, 0)
  }
}

async function counted<T>(counter: Counter<'result'>, work: Promise<T>): Promise<T> {
  let result = 'failed'
  try {
    const value = await work
    result = 'ok'
    return value
  } finally {
    counter.inc({ result })
  }
}

function show(registry: Registry, [kind, name, help, read]: Reading): void {
  const options = { name: `heliostat_${name}`, help, registers: [registry] }
  if (kind !== 'counter') {
    new Gauge({
      ...options,
      aggregator: ({ gauge: 'sum', highest: 'max', lowest: 'min' } as const)[kind],
      async collect() {
        this.set(await read())
      },
    })
    return
  }
  new Counter({
    ...options,
    async collect() {
      const value = await read()
      this.reset()
      this.inc(value)
    },
  })
}
