import type { HasBytes, OpenBody } from '../blobs/body.ts'
import { createOwnChunks, type OwnChunksParts } from '../blobs/local/own-chunks.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Edge } from './edge.ts'
import type { Bodies } from './local.ts'

/** The chunks of a site on this machine, as everything but the care for its disk may use them. */
export interface SiteChunks {
  store: ChunkStore
  openBody: OpenBody
  hasBytes: HasBytes
  /** Whether a chunk has to come from nowhere else. */
  isResident(digest: string): boolean
  /** How many were found damaged by whoever read them, since the start. */
  damaged(): number
}

/** An edge fetches what it lacks. */
export function chunksOfEdge(
  { account, readThrough }: Pick<Edge, 'account' | 'readThrough'>,
  store: LocalStore,
  bodies: Bodies,
): SiteChunks {
  return {
    store: { get: store.get, put: store.put, delete: readThrough.remove, list: store.list },
    openBody: readThrough.guard(bodies(readThrough, readThrough.walk)),
    hasBytes: async () => true,
    isResident: account.has,
    damaged: () => readThrough.counters().corrupt,
  }
}

/** What an origin lacks is nowhere. */
export function chunksOfOrigin(parts: OwnChunksParts, bodies: Bodies): SiteChunks {
  const own = createOwnChunks(parts)
  return {
    store: own.store,
    openBody: own.guard(bodies({ get: own.store.get, openChunk: own.openChunk })),
    hasBytes: own.hasBytes,
    isResident: () => true,
    damaged: own.damaged,
  }
}
