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
import { createUpstreamSites, type UpstreamOptions } from './upstream-sites.ts'

const ANSWER_MS = 15_000
const CHUNK_MS = 120_000
const SNAPSHOT_MS = 600_000
const MAX_DOCUMENT = 256 * 1024 * 1024

/** What an edge asks of the sites that it follows. */
export type Upstream = ReturnType<typeof createUpstream>

export function createUpstream(options: UpstreamOptions) {
  const { ask } = createUpstreamSites(options)
  return {
    /** Where the feed stands; waits up to `wait` seconds for it to leave `since`. */
    head: async (since: number, wait: number, signal: AbortSignal): Promise<Head> =>
      present(
        await ask(`head?since=${since}&wait=${wait}`, (response) => document(response, head), {
          timeout: wait * 1000 + ANSWER_MS,
          signal,
          evenIfDown: true,
        }),
      ),

    /** Null where the upstream no longer knows every change after that one. */
    async changes(after: number, signal: AbortSignal): Promise<Changes | null> {
      const use = async (response: Response) =>
        response.status === 410 ? 'compacted' : document(response, changes)
      const options = { timeout: CHUNK_MS, signal }
      const answer = present(await ask(`changes?after=${after}`, use, options))
      return answer === 'compacted' ? null : answer
    },

    /** The lines of a snapshot, read as they come. */
    snapshot: async (signal: AbortSignal): Promise<AsyncIterable<string>> =>
      present(
        await ask('snapshot?with=metadefs', async (response) => lines(requireOk(response)), {
          timeout: SNAPSHOT_MS,
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
        { timeout: CHUNK_MS, signal },
      ),

    /** What was sent, in the memory given: whoever asks has to verify it. Null where no upstream has it. */
    chunk: (
      digest: string,
      memory: Uint8Array,
      { fresh = false } = {},
    ): Promise<Uint8Array | null> =>
      ask(`chunks/${digest}`, (response) => collect(requireOk(response), memory), {
        timeout: CHUNK_MS,
        fresh,
      }),
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
  return type.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

function requireOk(response: Response): Response {
  if (response.status === 200) return response
  void response.body?.cancel()
  throw new Error(`status ${response.status}`)
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
