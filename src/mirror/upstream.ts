import { z } from 'zod'
import { sha256 } from '../blobs/digest.ts'
import { type Manifest, parseManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'
import {
  type Changes,
  changes,
  type Head,
  head,
  type ImageRecord,
  imageRecord,
  type MetadefChanges,
  metadefChanges,
} from './record.ts'
import { createTurns } from '../blobs/turns.ts'
import { createUpstreamSites, type UpstreamOptions } from './upstream-sites.ts'

const ANSWER_MS = 15_000
/** However long it takes, as long as it comes. */
const STEADY = { head: 30_000, idle: 30_000 }
/** An upstream that is an edge itself may have to fetch a chunk before it answers. */
const FROM_EDGE = { head: 120_000, idle: 30_000 }
/** More would share the link between ever thinner streams, none of which ends. */
const CHUNKS_AT_ONCE = 8
const MAX_DOCUMENT = 256 * 1024 * 1024
const IS_IT_ONE = 'is it a Heliostat with mirror tokens?'

/** What an edge asks of the sites that it follows. */
export type Upstream = ReturnType<typeof createUpstream>

export function createUpstream(options: UpstreamOptions) {
  const { ask } = createUpstreamSites(options)
  const inTurn = createTurns(CHUNKS_AT_ONCE)
  let isEdge = false

  return {
    /** Where the feed stands; waits up to `wait` seconds for it to leave `since`. */
    async head(since: number, wait: number, signal: AbortSignal): Promise<Head> {
      const use = (response: Response) => document(response, head)
      const limit = { total: wait * 1000 + ANSWER_MS }
      const path = `head?since=${since}&wait=${wait}`
      const answer = present(await ask(path, use, { limit, signal, evenIfDown: true }))
      isEdge = answer.sites.length > 1
      return answer
    },

    /** Null where the upstream no longer knows every change after that one. */
    async changes(after: number, signal: AbortSignal): Promise<Changes | null> {
      const use = async (response: Response) => {
        if (response.status !== 410) return document(response, changes)
        await response.body?.cancel()
        return 'compacted'
      }
      const options = { limit: STEADY, signal }
      const answer = present(await ask(`changes?after=${after}`, use, options))
      return answer === 'compacted' ? null : answer
    },

    /** The lines of a snapshot, read as they come. */
    snapshot: async (signal: AbortSignal): Promise<AsyncIterable<string>> =>
      present(
        await ask('snapshot?with=metadefs', async (response) => lines(requireOk(response)), {
          limit: STEADY,
          signal,
        }),
      ),

    /** Verified against its name; null where no upstream has it. */
    manifest: (digest: string, signal: AbortSignal): Promise<Manifest | null> =>
      ask(
        `manifests/${digest}`,
        async (response) => {
          const bytes = await readLimited(requireOk(response).body, MAX_DOCUMENT)
          requireDigest(bytes, digest)
          return parseManifest(new TextDecoder().decode(bytes))
        },
        { limit: STEADY, signal },
      ),

    /** What was sent, in the memory given: whoever asks has to verify it. Null where no upstream has it. */
    chunk: (
      digest: string,
      memory: Uint8Array,
      { fresh = false } = {},
    ): Promise<Uint8Array | null> =>
      inTurn(() =>
        ask(`chunks/${digest}`, (response) => collect(requireOk(response), memory), {
          limit: isEdge ? FROM_EDGE : STEADY,
          fresh,
          forClient: true,
        }),
      ),
  }
}

const snapshotStart = z.object({ epoch: z.string(), seq: z.number().int() })
export type SnapshotStart = z.output<typeof snapshotStart>

/** The first line of a snapshot. */
export function parseSnapshotStart(line: string): SnapshotStart {
  return snapshotStart.parse(JSON.parse(line))
}

const snapshotMetadefs = z.object({ metadefs: metadefChanges })
const snapshotLine = z.union([imageRecord, snapshotMetadefs])

/** Every other line of a snapshot: an image, or all metadata definitions. */
export function parseSnapshotLine(line: string): ImageRecord | { metadefs: MetadefChanges } {
  return snapshotLine.parse(JSON.parse(line))
}

async function document<T>(response: Response, type: z.ZodType<T>): Promise<T> {
  const bytes = await readLimited(requireOk(response).body, MAX_DOCUMENT)
  const parsed = type.safeParse(parseJson(bytes))
  if (parsed.success) return parsed.data
  throw new Error(`answers with something unknown: ${IS_IT_ONE}`)
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}

function requireOk(response: Response): Response {
  if (response.status === 200) return response
  void response.body?.cancel()
  throw new Error(refusal(response.status))
}

function refusal(status: number): string {
  if (status === 401) return 'refuses the token (401): check upstream_token'
  return status >= 500 ? `answers ${status}` : `answers ${status}: ${IS_IT_ONE}`
}

async function collect(response: Response, memory: Uint8Array): Promise<Uint8Array> {
  let filled = 0
  for await (const part of response.body ?? []) {
    if (filled + part.length > memory.length) throw new Error('a chunk is larger than it may be')
    memory.set(part, filled)
    filled += part.length
  }
  return memory.subarray(0, filled)
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
  if (answer !== null) return answer
  throw new HeliostatError('unavailable', 'The upstream is no Heliostat, or has no mirror tokens')
}
