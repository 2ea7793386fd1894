import { setTimeout } from 'node:timers/promises'
import { HeliostatError } from '../errors.ts'
import type { SiteStatus } from '../mirror/status.ts'
import { readStatus } from './mirror-status.ts'
import { createProgress } from './progress.ts'
import { createRunningSite, type RunningSite, type SiteOptions } from './running-site.ts'

const POLL_MS = 250

export interface SyncOptions extends SiteOptions {
  timeout: number
  json?: true
}

type Upstream = NonNullable<SiteStatus['upstream']>

/** `heliostat mirror sync`: waits until an edge has every change that its upstream has. */
export async function sync(options: SyncOptions): Promise<void> {
  const site = createRunningSite(options)
  const { seq } = await untilCaughtUp(site, options.timeout)
  const line = options.json ? JSON.stringify({ seq }) : `Caught up: at change ${seq}`
  process.stdout.write(`${line}\n`)
}

async function untilCaughtUp(site: RunningSite, seconds: number): Promise<Upstream> {
  const progress = createProgress()
  const limit = performance.now() + seconds * 1000
  let most = 1
  try {
    for (;;) {
      const { upstream } = await readStatus(site, '?fresh=1')
      if (!upstream) {
        throw new HeliostatError('invalid', `${site.url} is no edge: it follows no other site`)
      }
      if (isCaughtUp(upstream)) return upstream
      const left = changesLeft(upstream)
      most = Math.max(most, left)
      progress.show(most - left, most, stateOf(upstream))
      if (performance.now() > limit) throw late(seconds, upstream)
      await setTimeout(POLL_MS)
    }
  } finally {
    progress.end()
  }
}

function changesLeft({ seq, upstream_seq: last }: Upstream): number {
  return Math.max(0, (last ?? 0) - (seq ?? 0))
}

function isCaughtUp(upstream: Upstream): boolean {
  const { seq, upstream_seq: last, stale } = upstream
  return seq !== null && last !== null && stale === null && changesLeft(upstream) === 0
}

function stateOf(upstream: Upstream): string {
  const { seq, upstream_seq: last, stale, error } = upstream
  if (stale !== null) return `the upstream is not heard${error === null ? '' : `: ${error}`}`
  if (seq === null) return 'the first snapshot is being taken'
  if (last === null) return 'the upstream has not been heard yet'
  return `${changesLeft(upstream)} changes left`
}

function late(seconds: number, upstream: Upstream): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The edge has not caught up within ${seconds} s: ${stateOf(upstream)}`,
  )
}
