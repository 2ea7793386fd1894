import type { z } from 'zod'
import { HeliostatError } from '../../errors.ts'
import { type Changes, changes, type Head, head, MAX_RECORD_BYTES } from '../feed/records.ts'
import { createUpstreamContent, type UpstreamContent } from './content.ts'
import { NO_HELIOSTAT_HINT, parseAs, readText, requireOk } from './documents.ts'
import { createUpstreamSites, type UpstreamOptions } from './sites.ts'
import { openSnapshot, type Snapshot } from './snapshot.ts'

const ANSWER_MS = 15_000
/** 8 KiB a second: a third of what each of nine answers has that share a link of 2 Mbit/s. */
const PACE = { idle: 30_000, least: 240 << 10 }
/** However long it takes, as long as it comes. */
const STEADY = { head: 30_000, ...PACE }
/** An upstream that is an edge itself may have to fetch a chunk before it answers. */
const FROM_EDGE = { head: 120_000, ...PACE }
const MAX_HEAD_BYTES = 64 << 10
/** A page ends with the record with which it has 8 Mi characters, of up to three bytes. */
const MAX_CHANGES_BYTES = MAX_RECORD_BYTES + (32 << 20)

/** What an edge asks of the sites that it follows. */
export interface Upstream extends UpstreamContent {
  /** Where the feed stands; waits up to `wait` seconds for it to leave `since`. */
  head(since: number, wait: number, signal: AbortSignal): Promise<Head>
  /** Null where the upstream no longer knows every change after that one. */
  changes(after: number, signal: AbortSignal): Promise<Changes | null>
  /** A snapshot, whose lines are read as they come. */
  snapshot(signal: AbortSignal): Promise<Snapshot>
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { ask, askBytes } = createUpstreamSites(options)
  let isEdge = false

  async function askHead(since: number, wait: number, signal: AbortSignal): Promise<Head> {
    let unsynced: Head | null = null
    const use = async (response: Response) => {
      const found = await readDocument(response, head, MAX_HEAD_BYTES)
      if (found.synced !== false) return found
      // The next upstream may have something to tell.
      unsynced = found
      return null
    }
    const limit = { total: wait * 1000 + ANSWER_MS }
    const path = `head?since=${since}&wait=${wait}`
    const found = await ask(path, use, { limit, signal, evenIfAllFailed: true })
    const answer = present(found ?? unsynced)
    isEdge = answer.sites.length > 1
    return answer
  }

  return {
    ...createUpstreamContent({
      ask,
      askBytes,
      manifestLimit: STEADY,
      chunkLimit: () => (isEdge ? FROM_EDGE : STEADY),
      askHead,
    }),

    head: askHead,

    async changes(after, signal) {
      const use = async (response: Response) => {
        if (response.status !== 410) return readDocument(response, changes, MAX_CHANGES_BYTES)
        await response.body?.cancel()
        return 'compacted'
      }
      const options = { limit: STEADY, signal }
      const answer = present(await ask(`changes?after=${after}`, use, options))
      return answer === 'compacted' ? null : answer
    },

    snapshot: async (signal) =>
      present(
        await ask(
          'snapshot?with=metadefs',
          (response, blame) => openSnapshot(requireOk(response).body, blame),
          { limit: STEADY, signal },
        ),
      ),
  }
}

async function readDocument<T>(response: Response, type: z.ZodType<T>, limit: number): Promise<T> {
  const text = await readText(requireOk(response).body, limit)
  if (!text.trimStart().startsWith('{')) {
    throw new Error(`answers with something unknown: ${NO_HELIOSTAT_HINT}`)
  }
  return parseAs(type, text)
}

function present<T>(answer: T | null): T {
  if (answer !== null) return answer
  throw new HeliostatError('unavailable', 'The upstream is no Heliostat, or has no mirror tokens')
}
