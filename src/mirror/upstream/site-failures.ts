/** How the sites are that an edge follows: which one is left alone, for how long, and why. */
import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

const log = getLogger(['heliostat', 'upstream'])

/** No upstream answers, as far as they were asked: each has been told in the log. */
export class UnreachableError extends HeliostatError {}

interface Failures {
  count: number
  /** By `performance.now()`. */
  retryAt: number
}

/** An upstream that does not answer is left alone for a while, so that the preferred one is asked again by itself. */
export interface Site {
  url: string
  /** Until then bytes are asked for by `fetch`, since an answer was none that `DirectGet` knows. By `performance.now()`. */
  plainAt: number
  /** By the kind of question: a site that tells where the feed stands may be one that never gives a chunk. */
  failures: Map<string, Failures>
  /** Of the last failure; null while it is well. */
  reason: string | null
}

/** By `performance.now()`; 0 where it may be asked. */
export function retryAt({ failures }: Site): number {
  return Math.max(0, ...[...failures.values()].map((failure) => failure.retryAt))
}

export function unreachable(sites: Site[], forClient: boolean): UnreachableError {
  const next = Math.min(...sites.map(retryAt))
  const seconds = Math.max(1, Math.ceil((next - performance.now()) / 1000))
  const failures = sites.filter(({ reason }) => reason !== null)
  const reasons = failures.map(({ url, reason }) => `${url}: ${reason}`).join('; ')
  return new UnreachableError(
    'unavailable',
    forClient
      ? 'What is asked for is not all here, and no upstream answers'
      : `No upstream answers: ${reasons}`,
    { headers: { 'Retry-After': String(seconds) } },
  )
}

/** A site that answers where the feed stands, as it could not before, is back with all that it has. */
export function succeeded(site: Site, kind: string): void {
  if (!site.failures.has(kind)) return
  if (kind === 'head') site.failures.clear()
  else site.failures.delete(kind)
  if (site.failures.size > 0) return
  log.info('Upstream {url} answers again', { url: site.url })
  site.reason = null
}

export function failed(
  site: Site,
  kind: string,
  { error, startedAt }: { error: unknown; startedAt: number },
): void {
  const reason = reasonOf(error)
  // Not with each attempt: an outage may take days.
  if (reason !== site.reason)
    log.warn('Upstream {url} does not answer: {reason}', { url: site.url, reason })
  site.reason = reason
  const now = performance.now()
  const { count, retryAt: known } = site.failures.get(kind) ?? { count: 0, retryAt: 0 }
  // Questions that were under way together fail together, which counts once.
  if (known > now) return
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** count, LONGEST_PAUSE_MS)
  // Jitter, so that a thousand edges do not come back at once. What took its time to fail is not worth it at once again.
  const wait = Math.max(
    pause * (0.5 + Math.random() / 2),
    Math.min(now - startedAt, LONGEST_PAUSE_MS),
  )
  site.failures.set(kind, { count: count + 1, retryAt: now + wait })
}
