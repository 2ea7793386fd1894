import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

const log = getLogger(['heliostat', 'upstream'])

export interface UpstreamOptions {
  /** In the order of preference. */
  urls: string[]
  token: string | null
}

interface AskOptions {
  /** Milliseconds for the whole answer. */
  timeout: number
  signal?: AbortSignal
}

/** An upstream that does not answer is left alone until `retryAt`, so that the preferred one is asked again by itself. */
interface Site {
  url: string
  failures: number
  retryAt: number
}

/** The upstreams behind one question: the first that answers is the one that counts. */
export function createUpstreamSites({ urls, token }: UpstreamOptions) {
  const sites = urls.map((url): Site => ({ url: url.replace(/\/$/, ''), failures: 0, retryAt: 0 }))
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }

  async function request(site: Site, path: string, { timeout, signal }: AskOptions) {
    const limit = AbortSignal.timeout(timeout)
    return fetch(`${site.url}/mirror/v1/${path}`, {
      headers,
      redirect: 'error',
      signal: signal ? AbortSignal.any([limit, signal]) : limit,
    })
  }

  function unreachable(): HeliostatError {
    const next = Math.min(...sites.map((site) => site.retryAt))
    const seconds = Math.max(1, Math.ceil((next - Date.now()) / 1000))
    return new HeliostatError('unavailable', 'The image is not all here, and no upstream answers', {
      headers: { 'Retry-After': String(seconds) },
    })
  }

  return {
    isDown: () => sites.every((site) => site.retryAt > Date.now()),

    unreachable,

    /** What `use` makes of the first answer. Null where every site that answers lacks the thing. */
    async ask<T>(
      path: string,
      use: (response: Response) => Promise<T>,
      options: AskOptions,
    ): Promise<T | null> {
      let answered = false
      for (const site of sites) {
        if (site.retryAt > Date.now()) continue
        try {
          const response = await request(site, path, options)
          const result = response.status === 404 ? null : await use(response)
          if (result === null) await response.body?.cancel()
          succeeded(site)
          if (result !== null) return result
          answered = true
        } catch (error) {
          if (options.signal?.aborted) throw error
          failed(site, error)
        }
      }
      if (answered) return null
      throw unreachable()
    },
  }
}

function succeeded(site: Site): void {
  if (site.failures > 0) log.info('Upstream {url} answers again', { url: site.url })
  site.failures = 0
  site.retryAt = 0
}

function failed(site: Site, reason: unknown): void {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** site.failures, LONGEST_PAUSE_MS)
  site.failures++
  // Jitter, so that a thousand edges do not come back at once.
  site.retryAt = Date.now() + pause * (0.5 + Math.random() / 2)
  log.warn('Upstream {url} does not answer: {reason}', { url: site.url, reason: String(reason) })
}
