import { answerWithin, type Limit, receivedWithin } from '../../http/deadline.ts'
import type { DirectAnswer, DirectGet } from '../../http/direct-get.ts'
import { requireOk } from './documents.ts'
import { failed, retryAt, type Site, succeeded, unreachable } from './site-failures.ts'

/** What stands before a site seldom changes how it answers. */
const NOT_PLAIN_MS = 60_000

export interface UpstreamOptions {
  /** In the order of preference. */
  urls: string[]
  token: string | null
  /** Who asks, for those who look after the upstream. */
  siteId?: string
  /** Null where everything is asked for by `fetch`. */
  direct?: DirectGet | null
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

/** What is made of bytes, which lie in the memory that was given. Null stands for what is not there, or is too much. */
type UseBytes<T> = (bytes: Uint8Array) => Promise<T | null>

interface Question<T> {
  path: string
  use: Use<T>
  options: AskOptions
}

interface PlainQuestion {
  path: string
  memory: Uint8Array
  /** Whoever asks waits for the end: there is no signal by which to leave. */
  options: Omit<AskOptions, 'signal'>
}

interface BytesQuestion<T> extends PlainQuestion {
  use: UseBytes<T>
}

/** What `use` makes of the first answer. Null where every site that answers lacks the thing. */
export type Ask = <T>(path: string, use: Use<T>, options: AskOptions) => Promise<T | null>

/** The same of an answer that is nothing but bytes. */
export type AskBytes = <T>(question: BytesQuestion<T>) => Promise<T | null>

/** The upstreams behind one question: the first that answers is the one that counts. */
export interface UpstreamSites {
  ask: Ask
  askBytes: AskBytes
}

export function createUpstreamSites(options: UpstreamOptions): UpstreamSites {
  const sites = options.urls.map((url): Site => ({
    url: url.replace(/\/$/, ''),
    plainAt: 0,
    failures: new Map(),
    reason: null,
  }))
  const { request, requestPlain } = createRequests(options)
  const askEach = createRounds(sites)

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

  async function bytesOf<T>(site: Site, question: BytesQuestion<T>): Promise<T | null> {
    const { path, memory, use, options } = question
    const plain = await requestPlain(site, question)
    if (plain?.status === 404) return null
    if (plain) {
      requireOk(plain)
      return plain.bytes && use(plain.bytes)
    }
    const collectAndUse = async (response: Response) => {
      const bytes = await collect(requireOk(response), memory)
      return bytes && use(bytes)
    }
    return answerOf(site, { path, use: collectAndUse, options })
  }

  return {
    ask: (path, use, options) =>
      askEach(path, options, (site) => answerOf(site, { path, use, options })),
    askBytes: (question) =>
      askEach(question.path, question.options, (site) => bytesOf(site, question)),
  }
}

function createRequests({ token, siteId, direct = null }: UpstreamOptions) {
  const headers: Record<string, string> = {
    // What is compressed may expand to any size.
    'Accept-Encoding': 'identity',
    ...(token !== null && { Authorization: `Bearer ${token}` }),
    ...(siteId !== undefined && { [SITE_HEADER]: siteId }),
  }
  const urlOf = (site: Site, path: string) => `${site.url}/mirror/v1/${path}`
  const headersFor = ({ fresh }: AskOptions) =>
    fresh ? { ...headers, 'Cache-Control': 'no-cache' } : headers

  return {
    request(site: Site, path: string, options: AskOptions): Promise<Response> {
      const send = (signal: AbortSignal) =>
        fetch(urlOf(site, path), { headers: headersFor(options), redirect: 'error', signal })
      return answerWithin(options.limit, send, options.signal)
    },

    /** Null where it has to be asked for by `fetch`. */
    async requestPlain(
      site: Site,
      { path, memory, options }: PlainQuestion,
    ): Promise<DirectAnswer | null> {
      if (!direct || site.plainAt > performance.now()) return null
      const plain = await receivedWithin(options.limit, (progress) =>
        direct(urlOf(site, path), { headers: headersFor(options), memory, progress }),
      )
      if (!plain) site.plainAt = performance.now() + NOT_PLAIN_MS
      return plain
    },
  }
}

/** Asks one site after the other. */
function createRounds(sites: Site[]) {
  function isWorthAsking(site: Site, evenIfAllFailed: boolean): boolean {
    const isLeftAlone = (other: Site) => retryAt(other) > performance.now()
    return !isLeftAlone(site) || (evenIfAllFailed && sites.every(isLeftAlone))
  }

  return async <T>(
    path: string,
    options: AskOptions,
    askOne: (site: Site) => Promise<T | null>,
  ): Promise<T | null> => {
    let answered = false
    for (const site of sites) {
      if (!isWorthAsking(site, options.evenIfAllFailed ?? false)) continue
      const startedAt = performance.now()
      try {
        const result = await askTwice(site, () => askOne(site))
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
  }
}

/** Null for more than there is room for: whatever that is, it is not what was asked for. */
async function collect(response: Response, memory: Uint8Array): Promise<Uint8Array | null> {
  let filled = 0
  for await (const part of response.body ?? []) {
    if (filled + part.length > memory.length) return null
    memory.set(part, filled)
    filled += part.length
  }
  return memory.subarray(0, filled)
}

/** `head`, `changes`, `snapshot`, `manifests` or `chunks`. */
function kindOf(path: string): string {
  return path.split(/[/?]/)[0] ?? ''
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
