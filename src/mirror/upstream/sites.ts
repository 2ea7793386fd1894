import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../../errors.ts'
import { answerWithin, type Limit } from '../../http/deadline.ts'
import { reasonOf } from '../../reason.ts'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

const log = getLogger(['heliostat', 'upstream'])

export interface UpstreamOptions {
  /** In the order of preference. */
  urls: string[]
  token: string | null
  /** Who asks, for those who look after the upstream. */
  siteId?: string
}

/** The header by which a site says which one it is: its id. */
export const SITE_HEADER = 'Heliostat-Site'

interface AskOptions {
  limit: Limit
  signal?: AbortSignal
  /**
   * A site that has failed is not asked for a while. With this one is asked all the same if every site has failed, so
   * that the first sign of life is seen: for callers that pause between their own attempts.
   */
  evenIfAllFailed?: boolean
  /** Past any cache in between, which may hold something damaged. */
  fresh?: boolean
  /** Whoever asks is a client, who is not told which sites there are and what is wrong with them. */
  forClient?: boolean
}

/** What is made of an answer. Null stands for what is not there. `blame` tells of what turns out to be wrong later. */
type Use<T> = (response: Response, blame: (error: unknown) => void) => Promise<T | null>

interface Question<T> {
  path: string
  use: Use<T>
  options: AskOptions
}

/** No upstream answers, as far as they were asked: each has been told in the log. */
export class UnreachableError extends HeliostatError {}

interface Failures {
  count: number
  /** By `performance.now()`. */
  retryAt: number
}

/** An upstream that does not answer is left alone for a while, so that the preferred one is asked again by itself. */
interface Site {
  url: string
  /** By the kind of question: a site that tells where the feed stands may be one that never gives a chunk. */
  failures: Map<string, Failures>
  /** Of the last failure; null while it is well. */
  reason: string | null
}

/** What `use` makes of the first answer. Null where every site that answers lacks the thing. */
export type Ask = <T>(path: string, use: Use<T>, options: AskOptions) => Promise<T | null>

/** The upstreams behind one question: the first that answers is the one that counts. */
export interface UpstreamSites {
  ask: Ask
}

export function createUpstreamSites({ urls, token, siteId }: UpstreamOptions): UpstreamSites {
  const sites = urls.map((url): Site => ({
    url: url.replace(/\/$/, ''),
    failures: new Map(),
    reason: null,
  }))
  const headers: Record<string, string> = {
    // What is compressed may expand to any size.
    'Accept-Encoding': 'identity',
    ...(token !== null && { Authorization: `Bearer ${token}` }),
    ...(siteId !== undefined && { [SITE_HEADER]: siteId }),
  }

  async function request(site: Site, path: string, options: AskOptions) {
    const send = (signal: AbortSignal) =>
      fetch(`${site.url}/mirror/v1/${path}`, {
        headers: options.fresh ? { ...headers, 'Cache-Control': 'no-cache' } : headers,
        redirect: 'error',
        signal,
      })
    return answerWithin(options.limit, send, options.signal)
  }

  async function answerOf<T>(site: Site, { path, use, options }: Question<T>): Promise<T | null> {
    const response = await request(site, path, options)
    await refuseEncoded(response)
    const startedAt = performance.now()
    const blame = (error: unknown) => {
      if (!options.signal?.aborted) failed(site, kindOf(path), { error, startedAt })
    }
    if (response.status !== 404) return use(response, blame)
    await response.body?.cancel()
    return null
  }

  function isWorthAsking(site: Site, evenIfAllFailed: boolean): boolean {
    const isLeftAlone = (other: Site) => retryAt(other) > performance.now()
    return !isLeftAlone(site) || (evenIfAllFailed && sites.every(isLeftAlone))
  }

  return {
    async ask(path, use, options) {
      let answered = false
      for (const site of sites) {
        if (!isWorthAsking(site, options.evenIfAllFailed ?? false)) continue
        const startedAt = performance.now()
        try {
          const result = await askTwice(site, () => answerOf(site, { path, use, options }))
          succeeded(site, kindOf(path))
          if (result !== null) return result
          answered = true
        } catch (error) {
          if (options.signal?.aborted) throw error
          failed(site, kindOf(path), { error, startedAt })
        }
      }
      if (answered) return null
      throw unreachable(sites, options.forClient ?? false)
    },
  }
}

/** `head`, `changes`, `snapshot`, `manifests` or `chunks`. */
function kindOf(path: string): string {
  return path.split(/[/?]/)[0] ?? ''
}

function retryAt({ failures }: Site): number {
  return Math.max(0, ...[...failures.values()].map((failure) => failure.retryAt))
}

/** Before a byte of it is read, since `fetch` expands whatever the header names, asked for or not. */
async function refuseEncoded(response: Response): Promise<void> {
  const encoding = response.headers.get('Content-Encoding') ?? 'identity'
  if (encoding.toLowerCase() === 'identity') return
  await response.body?.cancel()
  throw new Error('answers compressed: wanted no Content-Encoding')
}

/** One failure of a site that was well may be that of an old connection, and must not break readers' answers off. */
async function askTwice<T>({ failures }: Site, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (failures.size > 0 || !(error instanceof TypeError)) throw error
    return ask()
  }
}

function unreachable(sites: Site[], forClient: boolean): UnreachableError {
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
function succeeded(site: Site, kind: string): void {
  if (!site.failures.has(kind)) return
  if (kind === 'head') site.failures.clear()
  else site.failures.delete(kind)
  if (site.failures.size > 0) return
  log.info('Upstream {url} answers again', { url: site.url })
  site.reason = null
}

function failed(
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
