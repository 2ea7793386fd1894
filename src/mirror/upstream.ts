import { getLogger } from '@logtape/logtape'
import { z } from 'zod'
import { sha256 } from '../blobs/digest.ts'
import { type Manifest, parseManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'
import { type Changes, changes, type Head, head, type ImageRecord, imageRecord } from './record.ts'

const ANSWER_MS = 15_000
const CHUNK_MS = 120_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
const MAX_DOCUMENT = 256 * 1024 * 1024

const log = getLogger(['heliostat', 'upstream'])

/** An upstream that does not answer is left alone until `retryAt`. */
interface Site {
  url: string
  failures: number
  retryAt: number
}

export interface UpstreamOptions {
  /** In the order of preference. */
  urls: string[]
  token: string | null
}

/** The sites that this one follows, the first that answers at a time. */
export type Upstream = ReturnType<typeof createUpstream>

export function createUpstream({ urls, token }: UpstreamOptions) {
  const sites = urls.map((url): Site => ({ url: url.replace(/\/$/, ''), failures: 0, retryAt: 0 }))
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }

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

  /** The first answer that `use` accepts. Null where every site that answers lacks the thing. */
  async function ask<T>(
    path: string,
    use: (response: Response) => Promise<T>,
    { timeout = ANSWER_MS, signal }: { timeout?: number; signal?: AbortSignal } = {},
  ): Promise<T | null> {
    let answered = false
    for (const site of sites) {
      if (site.retryAt > Date.now()) continue
      try {
        const limit = AbortSignal.timeout(timeout)
        const response = await fetch(`${site.url}/mirror/v1/${path}`, {
          headers,
          redirect: 'error',
          signal: signal ? AbortSignal.any([limit, signal]) : limit,
        })
        if (response.status === 404) {
          await response.body?.cancel()
          answered = true
          continue
        }
        const result = await use(response)
        succeeded(site)
        return result
      } catch (error) {
        if (signal?.aborted || error instanceof HeliostatError) throw error
        failed(site, error)
      }
    }
    if (answered) return null
    throw unreachable(sites)
  }

  return {
    /** Whether no upstream is worth asking at this moment. */
    isDown: () => sites.every((site) => site.retryAt > Date.now()),

    /** Where the feed stands; waits up to `wait` seconds for it to leave `since`. */
    head: (since: number, wait: number, signal: AbortSignal): Promise<Head> =>
      ask(`head?since=${since}&wait=${wait}`, (response) => document(response, head), {
        timeout: wait * 1000 + ANSWER_MS,
        signal,
      }).then(present),

    /** Null where the upstream no longer knows every change after that one. */
    changes: (after: number): Promise<Changes | null> =>
      ask(`changes?after=${after}`, async (response) =>
        response.status === 410
          ? { compacted: true as const }
          : { compacted: false as const, page: await document(response, changes) },
      )
        .then(present)
        .then((answer) => (answer.compacted ? null : answer.page)),

    /** The start of a snapshot and its records, read as they come. */
    snapshot: (): Promise<AsyncIterable<string>> =>
      ask('snapshot', async (response) => lines(requireOk(response)), {
        timeout: LONGEST_PAUSE_MS * 20,
      }).then(present),

    /** Verified against its name; null where no upstream has it. */
    manifest: (digest: string): Promise<Manifest | null> =>
      ask(`manifests/${digest}`, async (response) => {
        const bytes = await readLimited(requireOk(response).body, MAX_DOCUMENT)
        requireDigest(bytes, digest)
        return parseManifest(new TextDecoder().decode(bytes))
      }),

    /** As it was sent: whoever asks has to verify it. Null where no upstream has it. */
    chunk: (digest: string, size: number): Promise<Uint8Array | null> =>
      ask(`chunks/${digest}`, (response) => readLimited(requireOk(response).body, size), {
        timeout: CHUNK_MS,
      }),
  }
}

const snapshotStart = z.object({ epoch: z.string(), seq: z.number().int() })
export type SnapshotStart = z.output<typeof snapshotStart>

/** The first line of a snapshot. */
export function parseSnapshotStart(line: string): SnapshotStart {
  return snapshotStart.parse(JSON.parse(line))
}

/** Every other line of a snapshot. */
export function parseSnapshotRecord(line: string): ImageRecord {
  return imageRecord.parse(JSON.parse(line))
}

async function document<T>(response: Response, type: z.ZodType<T>): Promise<T> {
  const bytes = await readLimited(requireOk(response).body, MAX_DOCUMENT)
  return type.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

function requireOk(response: Response): Response {
  if (response.status === 200) return response
  void response.body?.cancel()
  throw new Error(`status ${response.status}`)
}

function requireDigest(bytes: Uint8Array, digest: string): void {
  if (sha256(bytes) !== digest) throw new Error(`a manifest is not what its name says: ${digest}`)
}

async function* lines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of response.body ?? []) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  if (rest !== '') throw new Error('a snapshot ends in the middle of a record')
}

function present<T>(answer: T | null): T {
  if (answer === null)
    throw new HeliostatError('unavailable', 'The upstream is no Heliostat, or keeps no mirrors')
  return answer
}

function unreachable(sites: Site[]): HeliostatError {
  const next = Math.min(...sites.map((site) => site.retryAt))
  const seconds = Math.max(1, Math.ceil((next - Date.now()) / 1000))
  return new HeliostatError('unavailable', 'The image is not all here, and no upstream answers', {
    headers: { 'Retry-After': String(seconds) },
  })
}
