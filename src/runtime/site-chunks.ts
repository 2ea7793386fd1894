import type { OpenBody } from '../blobs/body.ts'
import type { IsWhole } from '../blobs/local/check.ts'
import type { FileStore } from '../blobs/fs/store.ts'
import type { LostChunks } from '../blobs/local/lost-chunks.ts'
import { createOwnChunks } from '../blobs/local/own-chunks.ts'
import type { ChunkStore } from '../blobs/store.ts'
import type { Edge } from './edge.ts'
import type { Bodies } from './local.ts'

/** The chunks of a site on this machine, as everything but its own care may use them. */
export interface SiteChunks {
  store: ChunkStore
  openBody: OpenBody
  /** Whether a chunk has to come from nowhere else. */
  isResident(digest: string): boolean
  /** How many were found damaged by whoever read them, since the start. */
  damaged(): number
}

/** An edge fetches what it lacks. */
export function chunksOfEdge(
  { readThrough }: Pick<Edge, 'readThrough'>,
  store: FileStore,
  bodies: Bodies,
): SiteChunks {
  return {
    store: { ...store, delete: readThrough.remove },
    openBody: readThrough.guard(bodies(readThrough, readThrough.walk)),
    isResident: readThrough.residency.has,
    damaged: () => readThrough.counters().corrupt,
  }
}

export interface OriginParts {
  store: FileStore
  check: IsWhole
  lost: LostChunks
}

/** What an origin lacks is nowhere. */
export function chunksOfOrigin(parts: OriginParts, bodies: Bodies): SiteChunks {
  const own = createOwnChunks(parts)
  return {
    store: own.store,
    openBody: own.guard(bodies({ get: own.store.get, openChunk: own.openChunk })),
    isResident: () => true,
    damaged: own.damaged,
  }
}
