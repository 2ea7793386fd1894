import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'
import { answerWithin, type Limit } from '../http/deadline.ts'
import { reasonOf } from '../http/reason.ts'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

const log = getLogger(['heliostat', 'upstream'])

export interface UpstreamOptions {
  /** In the order of preference. */
  urls: string[]
  token: string | null
}

interface AskOptions {
  limit: Limit
  signal?: AbortSignal
  /** Also asks sites that are left alone, where all of them are: for whoever has pauses of his own. */
  evenIfDown?: boolean
  /** Past any cache in between, which may hold something damaged. */
  fresh?: boolean
  /** Whoever asks is a client, who is not told which sites there are and what is wrong with them. */
  forClient?: boolean
}

interface Question<T> {
  path: string
  use(response: Response): Promise<T>
  options: AskOptions
}

/** An upstream that does not answer is left alone until `retryAt`, so that the preferred one is asked again by itself. */
interface Site {
  url: string
  failures: number
  retryAt: number
  /** Of the last failure. */
  reason: string | null
}

/** The upstreams behind one question: the first that answers is the one that counts. */
export function createUpstreamSites({ urls, token }: UpstreamOptions) {
  const sites = urls.map((url): Site => ({
    url: url.replace(/\/$/, ''),
    failures: 0,
    retryAt: 0,
    reason: null,
  }))
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }

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
    if (response.status !== 404) return use(response)
    await response.body?.cancel()
    return null
  }

  function isWorthAsking(site: Site, evenIfDown: boolean): boolean {
    const isLeftAlone = ({ retryAt }: Site) => retryAt > Date.now()
    return !isLeftAlone(site) || (evenIfDown && sites.every(isLeftAlone))
  }

  return {
    /** What `use` makes of the first answer. Null where every site that answers lacks the thing. */
    async ask<T>(
      path: string,
      use: (response: Response) => Promise<T>,
      options: AskOptions,
    ): Promise<T | null> {
      let answered = false
      for (const site of sites) {
        if (!isWorthAsking(site, options.evenIfDown ?? false)) continue
        try {
          const result = await askTwice(site, () => answerOf(site, { path, use, options }))
          succeeded(site)
          if (result !== null) return result
          answered = true
        } catch (error) {
          if (options.signal?.aborted) throw error
          failed(site, error)
        }
      }
      if (answered) return null
      throw unreachable(sites, options.forClient ?? false)
    },
  }
}

/** One failure of a site that was well may be that of an old connection, and must not break readers' answers off. */
async function askTwice<T>({ failures }: Site, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (failures > 0 || !(error instanceof TypeError)) throw error
    return ask()
  }
}

function unreachable(sites: Site[], forClient: boolean): HeliostatError {
  const next = Math.min(...sites.map((site) => site.retryAt))
  const seconds = Math.max(1, Math.ceil((next - Date.now()) / 1000))
  const failures = sites.filter(({ reason }) => reason !== null)
  const reasons = failures.map(({ url, reason }) => `${url}: ${reason}`).join('; ')
  return new HeliostatError(
    'unavailable',
    forClient
      ? 'What is asked for is not all here, and no upstream answers'
      : `No upstream answers: ${reasons}`,
    { headers: { 'Retry-After': String(seconds) } },
  )
}

function succeeded(site: Site): void {
  if (site.failures > 0) log.info('Upstream {url} answers again', { url: site.url })
  site.failures = 0
  site.retryAt = 0
  site.reason = null
}

function failed(site: Site, error: unknown): void {
  site.reason = reasonOf(error)
  // Questions that were under way together fail together, which counts once.
  if (site.retryAt > Date.now()) return
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** site.failures, LONGEST_PAUSE_MS)
  site.failures++
  // Jitter, so that a thousand edges do not come back at once.
  site.retryAt = Date.now() + pause * (0.5 + Math.random() / 2)
  log.warn('Upstream {url} does not answer: {reason}', { url: site.url, reason: site.reason })
}
